"""Calling distributed functions, and getting what they return."""

import functools
import gc
import os
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from qiskit_serverless.tasks import (
    DistributedFunction,
    NotSerializableError,
    TaskReference,
    distribute_task,
    get,
    put,
    session,
)
from tests.unit.tasks.conftest import only_forked
from tests.unit.tasks.work import work_as

OFFSET = 100


@distribute_task
def add(left: int, right: int = 1) -> int:
    """Add two numbers."""
    return left + right


@distribute_task()
def factorial(n: int) -> int:
    return 1 if n == 0 else n * get(factorial(n - 1))


@distribute_task(target={"cpu": 1}, name="shout")
def upper(text: str) -> str:
    return text.upper()


@dataclass
class Counter:
    start: int

    @distribute_task
    def after(self, steps: int) -> int:
        return self.start + steps

    @staticmethod
    @distribute_task
    def fixed() -> int:
        return 42


def test_a_call_returns_a_reference_whose_value_is_the_result() -> None:
    reference = add(2, right=3)

    assert isinstance(reference, TaskReference)
    assert get(reference) == 5


def test_many_results_come_in_the_order_of_their_references() -> None:
    assert get([add(number) for number in range(200)]) == list(range(1, 201))


def test_no_references_no_values() -> None:
    assert get([]) == []


def test_the_same_reference_can_be_asked_for_again_and_gives_a_new_copy() -> None:
    reference = distribute_task(lambda: [1, 2])()

    first = get(reference)
    first.append(3)

    assert get(reference) == [1, 2]
    assert get([reference, reference]) == [[1, 2], [1, 2]]


def test_a_task_runs_in_another_process() -> None:
    assert get(distribute_task(os.getpid)()) != os.getpid()


def test_the_decorated_function_keeps_its_name_and_documentation_and_can_be_called_here() -> None:
    assert add.__name__ == "add"
    assert add.__doc__ == "Add two numbers."
    assert add.local(2, 2) == 4
    assert repr(add) == "<distributed function add>"


def test_a_reference_says_which_task_it_stands_for() -> None:
    reference = upper("a")

    assert repr(reference).startswith("<TaskReference shout #")
    assert {reference: 1}[reference] == 1
    assert reference != upper("a")


def test_closures_lambdas_and_partials_are_tasks_too() -> None:
    factor = 3

    def times(number: int) -> int:
        return number * factor

    assert get(distribute_task(times)(5)) == 15
    assert get(distribute_task(lambda number: number - OFFSET)(5)) == -95
    assert get(distribute_task(functools.partial(pow, 2))(5)) == 32


def test_methods_are_tasks_the_object_travels_along() -> None:
    assert get(Counter(3).after(4)) == 7
    assert Counter(3).after.local(4) == 7
    assert get(Counter.after(Counter(1), 1)) == 2
    assert get(Counter.fixed()) == 42


def test_references_among_the_arguments_arrive_as_values_also_inside_containers() -> None:
    @distribute_task
    def look(plain: Any, listed: Any, mapped: Any, *rest: Any, named: Any) -> Any:
        return plain, listed, mapped, rest, named

    one, two = add(0), add(1)

    assert get(look(one, [one, (two, [two])], {"a": two}, 5, one, named=(one,))) == (
        1,
        [1, (2, [2])],
        {"a": 2},
        (5, 1),
        (1,),
    )


def test_a_reference_inside_an_object_of_ones_own_stays_a_reference() -> None:
    @dataclass
    class Holder:
        reference: TaskReference[int]

    @distribute_task
    def look(holder: Holder, value: int) -> tuple[str, int, int]:
        return type(holder.reference).__name__, get(holder.reference), value

    assert get(look(Holder(add(1)), add(2))) == ("TaskReference", 2, 3)


def test_a_list_that_contains_itself_does_not_hang_the_call() -> None:
    endless: list[Any] = [add(1)]
    endless.append(endless)

    assert get(distribute_task(lambda items: items[1][1][0])(endless)) == 2


def test_chains_of_tasks_are_as_long_as_one_likes() -> None:
    reference = add(0)
    for _ in range(2000):
        reference = add(reference)

    assert get(reference) == 2001


def test_tasks_start_tasks_and_wait_for_them() -> None:
    assert get(factorial(12)) == 479001600


def test_workers_for_other_targets_know_the_functions_of_modules_too() -> None:
    """On a cluster they may be the same process, one after the other."""
    for _ in range(3):
        assert [float(get(work("nest", 1, []))[0]) for work in work_as[:2]] == [4, 4]


def test_tasks_give_references_back_and_the_values_live_on() -> None:
    @distribute_task
    def start() -> list[TaskReference[int]]:
        return [add(1), put(10)]

    assert get(get(start())) == [2, 10]


def test_a_task_hands_references_to_further_tasks() -> None:
    @distribute_task
    def outer() -> int:
        first = add(1)
        return get(add(first, add(first)))

    assert get(outer()) == 5


def test_a_function_can_use_a_reference_of_its_surroundings() -> None:
    shared = put({"a": 1})

    assert get(distribute_task(lambda: get(shared)["a"])()) == 1


def test_globals_are_taken_at_the_first_call() -> None:
    namespace: dict[str, Any] = {"__name__": "__main__", "level": 1}
    exec("def level_of(): return level", namespace)
    level_of = distribute_task(namespace["level_of"])

    assert get(level_of()) == 1
    namespace["level"] = 2
    assert get(level_of()) == 1


def test_arguments_are_taken_at_the_call() -> None:
    items = [1]
    reference = distribute_task(lambda received: received)(items)
    items.append(2)

    assert get(reference) == [1]


def test_a_worker_keeps_the_state_of_a_function_between_calls() -> None:
    seen: list[int] = []

    @distribute_task
    def remember(number: int) -> int:
        seen.append(number)
        return len(seen)

    assert max(get([remember(number) for number in range(50)])) > 1
    assert seen == []


def test_threads_of_the_program_call_and_get_at_the_same_time() -> None:
    found: dict[int, list[int]] = {}

    def work(thread: int) -> None:
        found[thread] = [get(add(thread, number)) for number in range(50)] + get([add(thread) for _ in range(50)])

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == {thread: [thread + number for number in range(50)] + [thread + 1] * 50 for thread in range(6)}


def test_threads_of_a_task_call_and_get_as_well() -> None:
    @distribute_task
    def outer() -> list[int]:
        found: list[int] = []
        threads = [threading.Thread(target=lambda n=n: found.append(get(add(n)))) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(found)

    assert get(outer()) == [1, 2, 3, 4]


def test_threads_of_a_task_may_be_the_first_to_call_a_function_at_the_same_time() -> None:
    @distribute_task
    def outer() -> list[int]:
        found: list[int] = []
        for _ in range(60):
            inner = distribute_task(lambda number: number)
            together = threading.Barrier(4)

            def work(number: int, inner: Any = inner, together: Any = together) -> None:
                together.wait()
                found.append(get(inner(number)))

            threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        return found

    assert sum(get(outer())) == 60 * 6


def test_functions_with_a_cache_can_be_used_and_keep_it_in_the_worker() -> None:
    made: list[int] = []

    @functools.lru_cache(maxsize=5)
    def expensive(number: int) -> int:
        made.append(number)
        return number * 10

    @functools.cache
    def fibonacci(number: int) -> int:
        return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)

    @distribute_task
    def use(number: int) -> tuple[int, int, int]:
        return expensive(number), len(made), fibonacci(60)

    found = get([use(1) for _ in range(20)])

    assert {value for value, _, _ in found} == {10}
    assert {count for _, count, _ in found} == {1}
    assert {value for _, _, value in found} == {1548008755920}
    assert get(distribute_task(lambda: expensive.cache_parameters())()) == {"maxsize": 5, "typed": False}


def test_functions_made_in_a_loop_do_not_mix() -> None:
    references = [distribute_task(lambda number=number: number)() for number in range(300)]

    assert get(references) == list(range(300))


def test_copies_of_one_function_in_a_worker_are_one_function_to_the_program() -> None:
    inner = distribute_task(lambda number: number)

    @distribute_task
    def outer() -> int:
        import cloudpickle

        copy = cloudpickle.loads(cloudpickle.dumps(inner))
        first = get(copy(1))
        del copy
        gc.collect()
        return first + get(inner(2))

    assert get([outer() for _ in range(10)]) == [3] * 10


def count_functions() -> int:
    return sum(1 for each in gc.get_objects() if isinstance(each, DistributedFunction))


@only_forked
def test_functions_that_have_gone_are_forgotten_by_the_workers_and_the_program() -> None:
    @distribute_task
    def make_many() -> int:
        return sum(get([distribute_task(lambda number=number: number)() for number in range(200)]))

    for number in range(200):
        get(distribute_task(lambda number=number: number)())
    assert get(make_many()) == get(make_many()) == sum(range(200))
    gc.collect()

    known = session.current()._pool.dispatcher.workers.values()  # type: ignore[attr-defined]
    assert max(len(worker.calls) for worker in known) < 50
    assert max(len(worker._known) for worker in known) < 50
    assert max(get([distribute_task(count_functions)() for _ in range(4)])) < 100


def test_an_argument_that_cannot_be_sent_is_named_at_the_call() -> None:
    with pytest.raises(NotSerializableError, match=r"argument 1 \('right'\) of task 'add': <class '_thread.lock'>"):
        add(1, threading.Lock())
    with pytest.raises(NotSerializableError, match=r"argument 'right' of task 'add': <class 'list'>"):
        add(1, right=[threading.Lock()])


def test_a_function_that_cannot_be_sent_is_refused_at_the_call_with_what_it_uses() -> None:
    lock = threading.Lock()

    @distribute_task
    def guarded() -> None:
        lock.acquire()

    with pytest.raises(NotSerializableError, match="task 'guarded' cannot be sent to a worker; it uses 'lock'"):
        guarded()


@pytest.mark.parametrize("value", [5, "abc", None, [1], {"a": 1}])
def test_get_takes_references_only(value: Any) -> None:
    with pytest.raises(TypeError, match="get"):
        get(value)


def test_get_says_what_to_do_with_a_function_that_was_not_called() -> None:
    with pytest.raises(TypeError, match="<distributed function add>; call it to start a task"):
        get(add)  # type: ignore[call-overload]


def test_a_reference_cannot_be_stored() -> None:
    import pickle

    with pytest.raises(TypeError, match="no meaning outside its job"):
        pickle.dumps(add(1))


def test_what_cannot_be_a_task_is_refused_at_decoration() -> None:
    async def later() -> None: ...

    with pytest.raises(TypeError, match="'later' is asynchronous"):
        distribute_task(later)
    with pytest.raises(TypeError, match="is for functions"):
        distribute_task(Counter)
    with pytest.raises(TypeError, match="distributed already"):
        distribute_task(add)
    with pytest.raises(TypeError, match="below @classmethod"):
        distribute_task()(classmethod(lambda cls: None))  # type: ignore[arg-type]
