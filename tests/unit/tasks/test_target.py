"""What a task may ask for, and what is refused at decoration."""

import math
import pickle
from typing import Any

import numpy as np
import pytest

from qiskit_serverless.tasks import Target, TargetError, distribute_task


def test_a_task_asks_for_one_cpu_by_default() -> None:
    assert Target() == Target(cpu=1, gpu=0, mem=0, env_vars={}, pip=(), resources={})


def test_everything_the_page_names_can_be_asked_for() -> None:
    target = Target.from_dict(
        {
            "cpu": 0.5,
            "gpu": 1,
            "mem": 2 * 1024.0**3,
            "env_vars": {"LEVEL": "3"},
            "pip": ["numpy", "qiskit>=1.0"],
            "resources": {"licences": 2},
        }
    )

    assert (target.cpu, target.gpu, target.mem) == (0.5, 1, 2147483648)
    assert isinstance(target.mem, int)
    assert target.env_vars == {"LEVEL": "3"}
    assert target.pip == ("numpy", "qiskit>=1.0")
    assert target.resources == {"licences": 2}


def test_numbers_of_numpy_are_numbers() -> None:
    assert Target(cpu=np.float64(0.5), mem=np.int64(5)).mem == 5


def test_none_stands_for_nothing_where_todays_clients_write_it() -> None:
    assert Target(env_vars=None, pip=None, resources=None) == Target()  # type: ignore[arg-type]


def test_a_target_can_be_pickled() -> None:
    target = Target(cpu=2, env_vars={"A": "1"})

    assert pickle.loads(pickle.dumps(target)) == target


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"cpus": 1}, r"unknown key 'cpus' .*; did you mean 'cpu'\?"),
        ({"memory": 1}, r"unknown key 'memory' .*; did you mean 'mem'\?"),
        ({"env_var": {}}, r"did you mean 'env_vars'\?"),
        ({"banana": 1}, r"unknown key 'banana' \(known: cpu, gpu, mem, env_vars, pip, resources, qpu\)$"),
        ({"qpu": -1}, "'qpu' must be a finite number that is not negative, not -1"),
        ({"working_dir": "."}, "'working_dir' is not supported"),
        ({"py_modules": []}, "'py_modules' is not supported"),
        ({"cpu": "1"}, "'cpu' must be a number, not '1'"),
        ({"cpu": True}, "'cpu' must be a number, not True"),
        ({"cpu": None}, "'cpu' must be a number, not None"),
        ({"cpu": -1}, "'cpu' must be a finite number that is not negative, not -1"),
        ({"gpu": math.nan}, "'gpu' must be a finite number"),
        ({"gpu": math.inf}, "'gpu' must be a finite number"),
        ({"mem": 1.5}, "'mem' is a whole number of bytes, not 1.5"),
        ({"mem": "2GB"}, "'mem' must be a number, not '2GB'"),
        ({"env_vars": ["A=1"]}, "'env_vars' must be a dictionary"),
        ({"env_vars": {"A": 1}}, "'env_vars': the value of 'A' must be a text, not 1"),
        ({"env_vars": {"A=B": "1"}}, "'env_vars' has a name that is not possible: 'A=B'"),
        ({"resources": {"x": "1"}}, r"resources\['x'\]"),
        ({"resources": {"cpu": 1}}, "'resources' has a name that is not possible: 'cpu'"),
        ({"resources": 3}, "'resources' must be a dictionary"),
        ({"pip": "numpy"}, "'pip' must be a list"),
        ({"pip": [3]}, "'pip' must hold texts"),
        ({"pip": ["no good!"]}, "'no good!' is not a requirement"),
        ({"pip": ["a-package-nobody-has"]}, "is not installed in this environment"),
        ({"pip": ["numpy<1.0"]}, r"'numpy<1.0' is asked for, but numpy \d"),
    ],
)
def test_a_target_that_makes_no_sense_is_refused_at_decoration_and_named(target: dict[str, Any], message: str) -> None:
    with pytest.raises(TargetError, match=message):
        distribute_task(target=target)


def test_a_requirement_for_another_platform_is_not_looked_for() -> None:
    assert Target(pip=["a-package-nobody-has; sys_platform == 'win32'"]).pip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"retries": -1}, "'retries'"),
        ({"retries": 1.0}, "'retries'"),
        ({"retries": True}, "'retries'"),
        ({"timeout": 0}, "'timeout'"),
        ({"timeout": "1"}, "'timeout'"),
        ({"timeout": math.inf}, "'timeout'"),
        ({"name": 3}, "'name'"),
        ({"target": 3}, "'target' must be a Target or a dictionary, not 3"),
        ({"retry": 3}, r"unknown key 'retry' .*; did you mean 'retries'\?"),
        ({"working_dir": "."}, "'working_dir' is not supported"),
    ],
)
def test_options_that_make_no_sense_are_refused_at_decoration(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TargetError, match=message):
        distribute_task(**options)
