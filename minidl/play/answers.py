"""What a page may ask for, and the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from minidl.errors import MinidlError, RunError
from minidl.play import bounds
from minidl.play.controls import changed, choices_of, controls_of, on_table, written
from minidl.play.message import encode
from minidl.play.plane import points
from minidl.play.session import Session, endless
from minidl.play.table import Table, Tables
from minidl.play.weight import weight_text
from minidl.report.figures import style
from minidl.spec import Spec

MOST_AT_ONCE = 1000  # epochs between two answers

Request = Mapping[str, Any]
Answer = tuple[dict[str, Any], dict[str, Any]]  # header and arrays


class Answers:
    """A page's session, as its requests `{"do": …}` reach it.

    A frame says where the training is and what the network answers there; with a `setup` it is all
    that a page shows. `given` is what `play` was started with.
    """

    def __init__(self, given: Spec) -> None:
        self.given = endless(given)
        self.session = Session(self.given)
        self.tables = Tables()
        self._sent = 0  # rows that the page has

    def answer(self, request: Request) -> bytes:
        """Do what is asked for; what is wrong with it is said in the answer."""
        try:
            do = _REQUESTS.get(str(request.get("do")))
            if do is None:
                raise RunError(f"a page can't ask for {str(request.get('do'))[:40]!r}")
            return encode(*do(self, request))
        except MinidlError as error:
            return mistake(error)
        except Exception as error:  # a mistake of ours: this page's alone
            return mistake(f"unexpected {type(error).__name__}: {error}")

    def close(self) -> None:
        """The page is gone."""
        self.session.end()
        self.tables.close()

    def begin(self, request: Request) -> Answer:
        return self._whole()

    def step(self, request: Request) -> Answer:
        self.session.step()
        return self._frame()

    def epochs(self, request: Request) -> Answer:
        self.session.epochs(_whole_number(request.get("count"), MOST_AT_ONCE))
        return self._frame()

    def back(self, request: Request) -> Answer:
        self.session.back()
        return self._frame()

    def go(self, request: Request) -> Answer:
        self.session.go(_whole_number(request.get("epoch"), self.session.finished))
        return self._frame()

    def restart(self, request: Request) -> Answer:
        return self._whole() if self.session.restart() else self._frame()

    def change(self, request: Request) -> Answer:
        """Start anew with other values of controls; the rate's alone goes on."""
        changes, session = request.get("changes"), self.session
        if not isinstance(changes, dict):
            raise RunError("changes: expected a mapping of controls")
        if set(changes) == {"lr"} and (session.finished or session.begun):
            session.change_rate(changes["lr"])
            return self._frame()
        self._build(changed(session.spec, changes))
        return self._whole()

    def yaml(self, request: Request) -> Answer:
        table = self.tables.own(self.session.spec)
        text = self.session.yaml(table.path.parent if table else None)
        file = {"name": table.path.name, "text": table.text} if table else None
        return {"kind": "yaml", "text": text, "file": file}, {}

    def compare(self, request: Request) -> Answer:
        """Start anew with other seeds or optimizers beside."""
        session = self.session
        session.build(session.anew(), session.frame, str(request.get("what")))
        return self._whole()

    def alone(self, request: Request) -> Answer:
        """Start anew without others."""
        self.session.build(self.session.anew(), self.session.frame)
        return self._whole()

    def points(self, request: Request) -> Answer:
        """Start anew with points that were drawn: [x, y, class] each, in the plane's units."""
        drawn = (request.get(key) for key in ("points", "low", "high"))
        return self._on(self.tables.drawn(*drawn))

    def table(self, request: Request) -> Answer:
        """Start anew with a table that was dropped."""
        return self._on(self.tables.dropped(request.get("name"), request.get("text")))

    def _on(self, table: Table) -> Answer:
        session = self.session
        try:
            spec = on_table(session.spec, table.path, table.options, table.classes)
            session.build(spec, table.frame, session.compare)
        except MinidlError as error:
            self.tables.drop(table)
            raise RunError(str(error).replace(str(table.path), table.path.name)) from error
        self.tables.keep(table)
        return self._whole()

    def weight(self, request: Request) -> Answer:
        """The chain from the loss to a weight."""
        return {"kind": "weight", "text": weight_text(self.session, str(request.get("name")))}, {}

    def use(self, request: Request) -> Answer:
        """Start anew with a config that the page wrote."""
        self._build(endless(self.tables.placed(written(str(request.get("text"))))))
        return self._whole()

    def _build(self, spec: Spec) -> None:
        table = self.tables.own(spec)
        bounds.check(spec, self.given, own_table=table is not None)
        self.session.build(spec, table.frame if table else None, self.session.compare)

    def _frame(self) -> Answer:
        session = self.session
        first = min(self._sent, len(session.rows))
        self._sent = len(session.rows)
        header = {
            "kind": "frame",
            "epoch": session.finished,
            "begun": session.begun or 0,
            "steps": session.steps,
            "lr": session.rate,
            "diverged": session.diverged,
            "first_row": first,
            "rows": session.rows[first:],
        }
        arrays = dict(session.look().arrays())
        if session.beside is not None:
            header["beside"] = session.beside.told(f"test_{self._score}")
            arrays |= {f"beside{i}": one.look() for i, one in enumerate(session.beside.others)}
        return header, arrays

    @property
    def _score(self) -> str:
        return "accuracy" if self.session.data.task == "classification" else "r2"

    def _whole(self) -> Answer:
        self._sent = 0
        header, arrays = self._frame()
        session, data = self.session, self.session.data
        table = self.tables.own(session.spec)
        header["setup"] = {
            "name": session.spec.name,
            "controls": {**controls_of(session.spec), "compare": session.compare},
            "choices": choices_of(self.given),
            "notes": [*([table.said] if table and table.said else []), *session.notes],
            "task": data.task,
            "features": data.feature_names,
            "classes": data.class_names,
            "colours": [style.class_colour(index) for index in range(max(2, data.classes))],
            "parts": {part: style.PARTS[part][0] for part in data.parts},
            "columns": [[column.name, column.units] for column in session.plane.columns],
            "metrics": session.metrics,
            "reach": session.plane.reach,
            "low": session.plane.low,
            "high": session.plane.high,
        }
        return header, {**arrays, **points(data)}


_REQUESTS: Mapping[str, Callable[[Answers, Request], Answer]] = {
    method.__name__: method
    for method in (
        *(Answers.begin, Answers.step, Answers.epochs, Answers.back, Answers.go),
        *(Answers.restart, Answers.change, Answers.yaml, Answers.use, Answers.weight),
        *(Answers.compare, Answers.alone, Answers.points, Answers.table),
    )
}


def mistake(error: MinidlError | str) -> bytes:
    """The answer that says what is wrong, a line each."""
    return encode({"kind": "mistake", "lines": str(error).splitlines()})


def _whole_number(value: Any, most: int) -> int:
    """A count that a page gave. Raises RunError."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise RunError(f"expected a whole number from 0 to {most:,}, but got {str(value)[:40]}")
    return value
