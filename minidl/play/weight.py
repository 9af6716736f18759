"""The gradient of one weight, as `minidl explain --weight` shows it, in the page's next step."""

from __future__ import annotations

from minidl.explain.chain import find_weight
from minidl.explain.observed import observe
from minidl.explain.page import as_text
from minidl.explain.weight import slope_of, weight_page
from minidl.play.session import BUILDING, Session
from minidl.runs.replay import Replay

WIDTH = 96  # characters of a line


def weight_text(session: Session, name: str) -> str:
    """The chain from the loss to a weight such as fc_2[3,1]. Raises RunError for one not there.

    The step is taken by a copy of the training, from its last kept state on.
    """
    done, step = session.finished, session.begun or 0
    training = session.spec.training.model_copy(update={"epochs": done + 1})
    with BUILDING:
        replay = Replay(session.spec.model_copy(update={"training": training}))
        wanted = find_weight(replay.trainer, name)
        replay.trainer.restore(*session.past.go_back(done))
        place = replay.before(done * session.steps + step + 1)
        seen = observe(replay.trainer, replay.rows, done=place.index)
        slope = slope_of(replay.in_double(), replay.rows, wanted)
    title = f"{wanted} in step {place.index + 1} of epoch {place.epoch}, which comes next"
    return as_text(weight_page(replay.trainer, seen, wanted, slope, title), "table", WIDTH)
