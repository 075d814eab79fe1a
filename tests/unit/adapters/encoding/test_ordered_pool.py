import gc
import threading
import weakref

import pytest

from pipeline.adapters.encoding.ordered_pool import OrderedPool


def pool(work, delivered, **changes):
    return OrderedPool(work, delivered.append, **{"threads": 2, "in_flight": 3, "name": "test", **changes})


def test_results_come_in_the_order_given():
    delivered = []
    some = pool(lambda number: number * number, delivered, threads=4, in_flight=9)
    for number in range(200):
        some.put(number)
    some.drain()
    some.close()
    assert delivered == [number * number for number in range(200)]


def test_no_more_than_the_limit_is_in_flight():
    delivered, most = [], 0
    some = pool(lambda number: number, delivered)
    for number in range(100):
        some.put(number)
        most = max(most, number + 1 - len(delivered))
    some.drain()
    some.close()
    assert most <= 3


def test_work_is_done_beside_the_caller():
    threads = []
    some = pool(lambda _: threading.current_thread().name, threads)
    some.put(0)
    some.drain()
    some.close()
    assert threads[0].startswith("test")


def test_error_reaches_the_caller():
    def failing(number):
        raise KeyError(number)

    some = pool(failing, [])
    some.put(7)
    with pytest.raises(KeyError):
        some.drain()
    some.close()
    some.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("test")]


def test_error_reaches_a_later_put():
    def failing(number):
        raise KeyError(number)

    some = pool(failing, [], in_flight=1)
    some.put(1)
    with pytest.raises(KeyError):
        some.put(2)
    some.close()


def test_what_has_not_begun_is_dropped():
    gate, begun = threading.Event(), []

    def waiting(number):
        begun.append(number)
        gate.wait(10)

    some = pool(waiting, [], threads=1, in_flight=9)
    for number in range(5):
        some.put(number)
    threading.Thread(target=some.close).start()
    gate.set()
    some.close()
    assert begun[:1] in ([], [0])


def test_closed_pool_lets_go_of_its_owner():
    """Otherwise pool and owner hold each other, and a codec of 70 MB stays until the garbage collector comes by."""

    class Owner:
        def __init__(self):
            self.pool = OrderedPool(self.work, self.work, threads=1, in_flight=1, name="test")

        def work(self, item):
            return item

    owner = Owner()
    owner.pool.put(1)
    owner.pool.drain()
    gone = weakref.ref(owner)
    gc.disable()
    try:
        owner.pool.close()
        del owner
        assert gone() is None
    finally:
        gc.enable()


def test_closed_pool_takes_nothing_more():
    pool = OrderedPool(int, int, threads=1, in_flight=1, name="test")
    pool.close()
    with pytest.raises(RuntimeError):
        pool.put(1)
