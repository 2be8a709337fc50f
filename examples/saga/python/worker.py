"""The saga worker: three bookings that belong together; when one fails, all of them are undone, the last one first.

python worker.py                 # serves 127.0.0.1:7400, or STELLWERK_ADDRESS
"""

import asyncio
from dataclasses import dataclass

from stellwerk import StepFailed, TerminalError, Worker, WorkflowContext

PARTS = ("flight", "hotel", "car")

worker = Worker()


@dataclass
class Trip:
    to: str
    slow_s: float = 0  # how long the hotel takes to answer, for those who want to be in time to kill the worker


@dataclass
class Booking:
    what: str
    to: str
    number: str
    slow_s: float = 0


@worker.workflow("saga")
async def book_trip(ctx: WorkflowContext, trip: Trip) -> list[str]:
    begun: list[Booking] = []
    booked = []
    try:
        for what in PARTS:
            # Noted before it is asked for: an attempt that got lost or was cancelled may have booked all the same.
            slow_s = trip.slow_s if what == "hotel" else 0
            begun.append(Booking(what, trip.to, f"{ctx.run_id}/{what}", slow_s))
            booked.append(await ctx.step("saga.book", begun[-1], name=f"book-{what}"))
    except (StepFailed, asyncio.CancelledError):
        for booking in reversed(begun):
            await ctx.step("saga.undo", booking, name=f"undo-{booking.what}")
        raise
    return booked


@worker.handler("saga.book")
async def book(booking: Booking) -> str:
    if booking.what == "car" and booking.to == "Venice":
        raise TerminalError("there are no cars in Venice", type="NoCars")
    await asyncio.sleep(booking.slow_s)
    return f"{booking.what} to {booking.to}, booked as {booking.number}"


@worker.handler("saga.undo")
def undo(booking: Booking) -> str:
    """Undo whatever was booked under this number; nothing may be, and that is well, too."""
    return f"{booking.number} is free"


if __name__ == "__main__":
    worker.start()
