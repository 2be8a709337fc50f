"""Every way the checker is tried with: logs and databases that were tampered with, by the invariant that is broken."""

from tests.faults.tampering import calls, healed, histories
from tests.faults.tampering.stage import TAMPERINGS, Stage, Tamper

__all__ = ["TAMPERINGS", "Stage", "Tamper", "calls", "healed", "histories"]
