"""HTTP/1.1 as uvicorn speaks it, but a connection ends if its next request does not begin in time, or if its client
does not read.

uvicorn waits for the head of a first request, or of one that has begun, for as long as the client likes, and keeps an
answer for as long.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol


class ImpatientProtocol(H11Protocol):
    """Gives every head of a request the time that uvicorn gives an idle connection, and as much to a client that reads
    nothing of its answer."""

    _deadline: asyncio.TimerHandle | None = None
    _next_look: asyncio.TimerHandle | None = None
    _unread = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts to wait for the first head."""
        super().connection_made(transport)
        self._wait_for_head()

    def on_response_complete(self) -> None:
        """Starts to wait for the next head."""
        super().on_response_complete()
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits no longer."""
        for timer in (self._deadline, self._next_look):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Starts to look whether the client reads."""
        super().pause_writing()
        self._look_later()

    def resume_writing(self) -> None:
        """Looks no longer."""
        super().resume_writing()
        if self._next_look is not None:
            self._next_look.cancel()

    def _look_later(self) -> None:
        self._unread = self.transport.get_write_buffer_size()
        self._next_look = self.loop.call_later(self.timeout_keep_alive, self._abort_if_unread)

    def _abort_if_unread(self) -> None:
        if self.transport.get_write_buffer_size() < self._unread:
            self._look_later()
        else:
            self.transport.abort()

    def _wait_for_head(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(self.timeout_keep_alive, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
