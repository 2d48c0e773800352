"""Threads for jobs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Condition, Thread


class Workers:
    """Threads that do what they are given, in the order given, each made when it is first needed.

    What `ThreadPoolExecutor` does too, but its module imports `logging`: that is a fiftieth of the time to a window.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._threads: list[Thread] = []
        self._todo: deque[Callable[[], None]] = deque()
        self._idle = 0
        self._closed = False
        self._changed = Condition()

    def submit(self, work: Callable[[], None]) -> None:
        """Have `work` done as soon as a thread is free; it must not raise."""
        with self._changed:
            self._todo.append(work)
            if self._idle < len(self._todo) and len(self._threads) < self._most:
                thread = Thread(target=self._serve, name=f"job {len(self._threads) + 1}", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Wait until all that was given is done; nothing can be given any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                while not self._todo and not self._closed:
                    self._changed.wait()
                self._idle -= 1
                if not self._todo:
                    return
                work = self._todo.popleft()
            work()
            del work  # it is not kept until there is other work
