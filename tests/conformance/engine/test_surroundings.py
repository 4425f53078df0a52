"""What a program finds around it: environment, threads, random numbers, libraries, tasks."""

import json
import os

from tests.conformance.engine.running_engine import BUDGET, RunningEngine
from treadle.domain.budget import Budget


def test_the_environment_of_a_job(engine: RunningEngine) -> None:
    program = "import json, os; print(json.dumps(dict(os.environ)))"
    job, _ = engine.finish(program, variables={"MODE": "fast", "ENV_JOB_ID_GATEWAY": "forged", "TZ": "Asia/Tokyo"})

    variables = json.loads(job.text)
    folder = engine.folder(job)
    assert variables.pop("PATH") == os.environ["PATH"]
    assert json.loads(variables.pop("TREADLE_BUDGET")) == BUDGET.to_dict()
    assert (
        variables.items()
        >= {
            "MODE": "fast",
            "TZ": "Asia/Tokyo",
            "HOME": os.environ["HOME"],
            "ENV_JOB_ID_GATEWAY": job.job_id,
            "ENV_JOB_GATEWAY_HOST": engine.gateway.url,
            "ENV_JOB_GATEWAY_TOKEN": job.token,
            "ENV_JOB_ARGUMENTS": "{}",
            "ARGUMENTS_PATH": str(folder.arguments),
            "RESULTS_PATH": str(folder.result),
            "DATA_PATH": str(engine.home / "data" / job.job_id),
            "TMPDIR": str(folder.temporary),
            "OMP_NUM_THREADS": "2",
            "RAYON_NUM_THREADS": "2",
        }.items()
    )
    assert not any("PYTEST" in name for name in variables)


def test_variables_take_effect_as_if_python_had_started_with_them(engine: RunningEngine) -> None:
    job, _ = engine.finish("import time; print(time.strftime('%Z'))", variables={"TZ": "Asia/Tokyo"})

    assert job.text == "JST\n"


def test_where_a_program_runs(engine: RunningEngine) -> None:
    program = """
        import os, pathlib, sys
        work = os.getcwd()
        print(pathlib.Path(work).name, sys.path[0] == work, sys.argv == [__file__], sys.stdin.read() == "")
        print(os.getpid() == os.getsid(0) == os.getpgid(0))
        descriptors = [f"/proc/self/fd/{number}" for number in range(3, 1000)]
        print([os.readlink(path).split(":")[0] for path in descriptors if os.path.islink(path)])
    """
    job, _ = engine.finish(program)

    where, session, descriptors = job.text.splitlines()
    assert (where, session) == ("work True True True", "True")
    if "TREADLE_RAY_NODE" not in engine.zygote.environ():  # a program on a cluster has Ray's connections besides
        assert descriptors == "['socket', 'socket']"


def test_a_program_is_not_run_with_the_platforms_leftovers(engine: RunningEngine) -> None:
    program = """
        import gc, signal, sys, threading
        print(gc.isenabled(), threading.current_thread() is threading.main_thread(), sys.gettrace(), gc.get_threshold())
        for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1, signal.SIGINT):
            print(signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler), end=" ")
        print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
    """
    job, _ = engine.finish(program)

    assert job.text.splitlines() == ["True True None (700, 10, 10)", "True True True True set()"]


def test_jobs_do_not_share_random_numbers(engine: RunningEngine) -> None:
    program = "import random, numpy.random\nprint(random.random(), numpy.random.random(), numpy.random.default_rng().random())"
    first, _ = engine.finish(program)
    second, _ = engine.finish(program)

    numbers = first.text.split() + second.text.split()
    assert len(numbers) == len(set(numbers)) == 6


def test_libraries_use_the_threads_of_the_budget(engine: RunningEngine) -> None:
    program = """
        import threadpoolctl
        pools = [pool for pool in threadpoolctl.threadpool_info() if pool.get("threading_layer") != "disabled"]
        print({pool["num_threads"] for pool in pools})
    """
    one, _ = engine.finish(program, budget=Budget(cpu=0.5, gpu=0.0, mem=10**9))
    two, _ = engine.finish(program)
    told, _ = engine.finish(program, variables={"OMP_NUM_THREADS": "1"})

    assert (one.text, two.text, told.text) == ("{1}\n", "{2}\n", "{1}\n")


def test_what_the_platform_has_imported_is_there(engine: RunningEngine) -> None:
    program = """
        import sys
        for name in ("numpy", "qiskit", "qiskit.transpiler", "qiskit.qpy", "qiskit_ibm_runtime", "qiskit_serverless.tasks"):
            print(name, name in sys.modules)
        print("treadle.api" in sys.modules, "fastapi" in sys.modules)
    """
    job, _ = engine.finish(program)

    assert job.text.count("True") == 6
    assert job.text.endswith("False False\n")


def test_deferred_parts_of_a_package_are_still_there(engine: RunningEngine) -> None:
    program = """
        from ibm_platform_services import CaseManagementV1, IamIdentityV1, ApiException
        import ibm_platform_services.usage_reports_v4
        import ibm_platform_services
        print(CaseManagementV1.__name__, IamIdentityV1.__name__, ApiException.__name__)
        print(ibm_platform_services.__version__[0].isdigit())
        print(hasattr(ibm_platform_services, "nothing"), ibm_platform_services.__file__[-11:])
    """
    job, _ = engine.finish(program)

    assert job.text == "CaseManagementV1 IamIdentityV1 ApiException\nTrue\nFalse __init__.py\n"


def test_a_transpilation_in_the_program_and_in_its_tasks(engine: RunningEngine) -> None:
    program = """
        from qiskit import QuantumCircuit
        from qiskit.transpiler import generate_preset_pass_manager
        from qiskit_ibm_runtime import QiskitRuntimeService
        from qiskit_serverless import distribute_task, get, save_result

        backend = QiskitRuntimeService().backend("fake_manila")

        @distribute_task(target={"cpu": 1})
        def transpile(circuit):
            return generate_preset_pass_manager(optimization_level=3, backend=backend).run(circuit)

        circuit = QuantumCircuit(3)
        circuit.h(0)
        circuit.cx(0, 2)
        here = generate_preset_pass_manager(optimization_level=1, backend=backend).run(circuit)
        there = get([transpile(circuit) for _ in range(4)])
        names = set(backend.operation_names)
        print(set(here.count_ops()) <= names, [set(each.count_ops()) <= names for each in there])
    """
    job, outcome = engine.finish(program)

    assert outcome.exit_code == 0, job.text
    assert job.text.endswith("True [True, True, True, True]\n")


def test_tasks_print_into_the_log_and_work_in_the_programs_folder(engine: RunningEngine) -> None:
    program = """
        import os, random
        from qiskit_serverless import distribute_task, get

        @distribute_task()
        def look(name):
            print("task", name)
            return open("data.txt").read(), os.environ["MODE"], os.getcwd() == work, random.random()

        work = os.getcwd()
        first, second = get([look("a"), look("b")])
        print(first[:3], second[:3], first[3] != second[3])
    """
    job, _ = engine.finish({"main.py": program, "data.txt": "content"}, variables={"MODE": "fast"})

    assert "task a\n" in job.text
    assert "task b\n" in job.text
    assert job.text.endswith("('content', 'fast', True) ('content', 'fast', True) True\n")


def test_a_worker_that_is_stopped_with_its_program(engine: RunningEngine) -> None:
    program = """
        import signal
        from meeting import meet
        from qiskit_serverless import distribute_task, get

        @distribute_task()
        def wait():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            meet("task")
            signal.pause()

        get(wait())
    """
    job = engine.submit(program, grace_seconds=0.2)
    engine.meet(job, "task")
    engine.stop(job)

    engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    engine.assert_nothing_left(job)


def test_zygote_and_supervisor_stay_single_threaded(engine: RunningEngine) -> None:
    program = """
        import signal
        from meeting import meet
        from qiskit import QuantumCircuit, transpile
        from qiskit_serverless import distribute_task, get

        @distribute_task()
        def work():
            return transpile(QuantumCircuit(2), basis_gates=["x"]).num_qubits

        get([work(), work()])
        transpile(QuantumCircuit(2), basis_gates=["x"])
        meet("ready")
        signal.pause()
    """
    job = engine.submit(program)
    engine.meet(job, "ready")

    assert engine.program(job).num_threads() > 1
    assert engine.supervisor(job).num_threads() == 1
    assert engine.zygote.num_threads() == 1
    engine.stop(job)
    engine.gateway.outcome(job)
    engine.wait_for_exit(job)


def test_processes_of_the_standard_library_work(engine: RunningEngine) -> None:
    program = """
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        def square(number):
            return number * number

        if __name__ == "__main__":
            for method in ("fork", "spawn"):
                with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
                    print(method, list(pool.map(square, range(3))))
    """
    job, outcome = engine.finish(program)

    assert outcome.exit_code == 0
    assert job.text == "fork [0, 1, 4]\nspawn [0, 1, 4]\n"
