"""Who trains next, beside whom: members wait by their kinds, the longest work goes first.

A worker takes as many of one kind as it has lanes, and more of them while some of its lanes still
train. A pass of all lanes takes the same time however many are idle, so what is left of a kind at
last may be quicker one by one.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from minidl.engine import PlainEngine
from minidl.spec import Member
from minidl.train.programs import Programs
from minidl.train.trainer import Shapes, Trainer

# How many times longer a network takes alone than in full lanes (1.9 to 2.7, measured).
SINGLE = 2.5
# Members that could fill at most this share of the lanes train one by one.
FEW = 1 / 4
COMPILING = 0.5  # seconds that code for single networks may take to make


class Kind:
    """Members of one kind that wait, and the code that trains them, made once for all workers.

    `lanes` is how many train side by side at most; until the code is made that is a guess.
    """

    def __init__(
        self, members: Iterable[Member], lanes: int = 1, seconds: Mapping[str, float] | None = None
    ) -> None:
        self.lanes, self._seconds = lanes, seconds or {}
        self.waiting = deque(sorted(members, key=self.seconds, reverse=True))
        self.again: deque[Member] = deque()  # those whose lanes failed: each is tried alone
        # By whether for one network, and by shapes: a table's words and categories, and so how many
        # inputs it has, follow from the rows that a seed trains on.
        self._made: dict[tuple[bool, Shapes], Programs] = {}
        self._making = threading.Lock()
        # Plain programs work on the modules of one network: one worker at a time may.
        self.in_turn = threading.Lock()
        self._shapes: Shapes | None = None  # of all that wait, where they are known

    def of_shapes(self, shapes: Shapes) -> Kind:
        """Nobody yet, but for those of this kind that turn out to have these shapes."""
        other = Kind((), self.lanes, self._seconds)
        other._made, other._making, other.in_turn = self._made, self._making, self.in_turn
        other._shapes = shapes
        return other

    def programs(self, like: Trainer, *, single: bool) -> Programs:
        """The code for networks of these shapes, made when it is first asked for."""
        key = single, like.shapes()
        with self._making:
            if key not in self._made:
                made = Programs.of(like, 1 if single else self.lanes)
                # PyTorch's products for several networks at once differ in their last bits from
                # those for one, so on a CPU, where they gain little, each is by itself.
                on_cpu = like.loss_sum.device.type == "cpu"
                if isinstance(made.engine, PlainEngine) and on_cpu and made.engine.lanes > 1:
                    made = Programs.of(like, 1)
                self._made[key] = made
                if not single:
                    self.lanes = min(self.lanes, made.engine.lanes)
            return self._made[key]

    def seconds(self, member: Member) -> float:
        """What a member takes alone, roughly."""
        return self._seconds.get(member.name, 0.0)

    @property
    def single_next(self) -> bool:
        """Whether the next one had better train alone."""
        count = len(self.waiting)
        if self.again or self.lanes == 1:
            return True
        if count > FEW * self.lanes:
            return False
        saved = (self.lanes / SINGLE - count) * self.seconds(self.waiting[0])
        made = {single for single, shapes in self._made if self._shapes in (None, shapes)}
        return False not in made or True in made or saved > COMPILING

    def next_seconds(self) -> float:
        """What the next turn takes, roughly."""
        first = (self.again or self.waiting)[0]
        return self.seconds(first) * (1 if self.single_next else self.lanes / SINGLE)

    def take(self, count: int) -> list[Member]:
        """The next ones."""
        return [self.waiting.popleft() for _ in range(min(count, len(self.waiting)))]


@dataclass(frozen=True)
class Turn:
    """What a worker does next."""

    kind: Kind
    members: Sequence[Member]
    single: bool = False


class Queue:
    """All that waits; several workers may ask it."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._kinds = list(kinds)
        self._apart: dict[tuple[int, Shapes], Kind] = {}
        self._lock = threading.Lock()

    def next(self) -> Turn | None:
        """The longest turn."""
        with self._lock:
            kinds = [kind for kind in self._kinds if kind.again or kind.waiting]
            if not kinds:
                return None
            kind = max(kinds, key=Kind.next_seconds)
            if kind.again:
                return Turn(kind, [kind.again.popleft()], single=True)
            single = kind.single_next
            return Turn(kind, kind.take(1 if single else kind.lanes), single)

    def more(self, kind: Kind) -> Member | None:
        """One more for lanes in which others still train."""
        with self._lock:
            return next(iter(kind.take(1)), None)

    def give_back(self, kind: Kind, members: Sequence[Member]) -> None:
        """These found no lane."""
        with self._lock:
            kind.waiting.extendleft(reversed(members))

    def apart(self, kind: Kind, member: Member, shapes: Shapes) -> None:
        """One whose data have other sizes, as folds may: it waits for lanes with its like."""
        with self._lock:
            key = id(kind), shapes
            if key not in self._apart:
                self._apart[key] = kind.of_shapes(shapes)
                self._kinds.append(self._apart[key])
            self._apart[key].waiting.append(member)

    def again(self, kind: Kind, members: Iterable[Member]) -> None:
        """These are to be tried one by one."""
        with self._lock:
            kind.again.extend(members)

    def turns(self) -> list[Turn]:
        """All of them, which empties it."""
        return list(iter(self.next, None))
