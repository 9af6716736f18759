"""Generated C under the address and undefined-behaviour sanitizers, on memory of just its size."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
import torch
from attempts import ALL
from engine.calls import product, reductions, unary, values
from engine.helpers import SINGLE, compiler, target
from engine.network_cases import several
from torch import Tensor

from minidl.engine.compiler import FLAGS, HEADER
from minidl.engine.graph import Buffer, Graph
from minidl.engine.source import Step, code_of
from minidl.engine.trace import trace

SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1")
BATCHES = 2  # steps in a call, whose samples lie one after the other

MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static void *filled(size_t bytes, int whole) {{
  size_t size = bytes ? bytes : 1;
  char *p = 0;
  if (posix_memalign((void **)&p, 64, size)) abort();
  if (whole) memset(p, 0, size);
  else for (size_t i = 0; i < bytes / sizeof(REAL); i++) ((REAL *)p)[i] = (REAL)0.25 + i % 7;
  return p;
}}
int main(void) {{
  void *state[] = {{{state}, 0}};
  long strides[{many}] = {{0}};
  const void *constants[] = {{{constants}, 0}};
  const void *sources[] = {{{sources}, 0}};
  int64_t *rows[{lanes}];
  for (int lane = 0; lane < {lanes}; lane++) {{
    rows[lane] = filled({samples} * sizeof(int64_t), 1);
    for (long i = 0; i < {samples}; i++) rows[lane][i] = {samples} - 1 - i;
  }}
  char *scratch = filled({scratch}, 1);
  {name}({steps}, scratch, state, strides, constants, sources, (const int64_t *const *)rows);
  puts("done");
  return 0;
}}
"""


def check(name: str, graph: Graph, lanes: int, folder: Path) -> None:
    """Compile and run a graph's code; the sanitizers end it at the first fault."""
    code = code_of({name: graph}, target(lanes, graph.dtype))
    source = code.text + main_of(code.steps[name], graph, max(1, lanes))
    (folder / "main.c").write_text(source)
    flags = [flag for flag in FLAGS if flag not in ("-shared", "-fPIC")]
    command = [*compiler().command, *flags, *SANITIZERS, f"-I{HEADER.parent}", "main.c", "-lm"]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if "cannot find" in made.stderr:
        pytest.skip("the compiler has no sanitizers")
    assert made.returncode == 0, made.stderr[:2000]
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    ran = subprocess.run(
        ["./a.out"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert (ran.stdout, ran.returncode) == ("done\n", 0), f"{name}: {ran.stderr[:3000]}"


def main_of(step: Step, graph: Graph, lanes: int) -> str:
    def memory(buffer: Buffer, times: int) -> str:
        size = "int64_t" if buffer.kind == "int" else "REAL"
        whole = int(buffer.kind == "int")
        return f"filled({buffer.size * times} * sizeof({size}), {whole})"

    batch = max([x.tensor.shape[0] for x in step.inputs if x.tensor is not None], default=0)
    return MAIN.format(
        name=step.name,
        state=", ".join(memory(one, lanes) for one in step.state) or "0",
        many=max(1, len(step.state)),
        constants=", ".join(memory(one, 1) for one in step.constants) or "0",
        sources=", ".join(memory(one, BATCHES) for one in step.inputs for _ in range(lanes)) or "0",
        lanes=lanes,
        samples=BATCHES * batch,
        scratch=step.scratch,
        steps=BATCHES,
    )


def operations_of(
    calls: Callable[..., dict[str, Tensor]], operands: list[Tensor]
) -> Graph:  # fmt: skip
    with torch.no_grad():
        results = {
            name: torch.zeros(x.shape, dtype=x.dtype) for name, x in calls(*operands).items()
        }

    def function() -> None:
        for name, x in calls(*operands).items():
            results[name].copy_(x)

    tensors = {f"operand {n}": x for n, x in enumerate(operands)}
    return trace(function, (), {**tensors, **results}).graph


pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
LANES = pytest.mark.parametrize("lanes", [SINGLE, 8])


FOURS = [range(n, n + 4) for n in range(0, 44, 4 if ALL else 12)]


@LANES
@pytest.mark.parametrize("numbers", FOURS, ids=str)
def test_networks(numbers: range, lanes: int, tmp_path: Path) -> None:
    dtype = torch.float32 if numbers[0] % 8 else torch.float64
    for name, (own, inputs) in several(numbers, dtype).items():
        graph = trace(own.step, [x[:3] for x in inputs], own.tensors).graph
        check(name, graph, lanes, tmp_path)


@LANES
def test_elementwise_calls_and_reductions(lanes: int, tmp_path: Path) -> None:
    draw = Random(3)
    for shape in [(19,), (3, 17), (2, 5, 9)]:
        x = values(draw, shape, torch.float32)
        graph = operations_of(lambda x: unary(x[..., ::2]), [x])
        check("unary", graph, lanes, tmp_path)
        for dims in range(len(shape)):
            graph = operations_of(reductions((dims,), keepdim=False), [x])
            check("sums", graph, lanes, tmp_path)


@LANES
@pytest.mark.parametrize("dims", [(3, 5, 17), (25, 2, 3), (1, 40, 1), (2, 600, 9)], ids=str)
def test_products(dims: tuple[int, int, int], lanes: int, tmp_path: Path) -> None:
    calls, operands = product(Random(sum(dims)), *dims, torch.float32)
    check("product", operations_of(calls, operands), lanes, tmp_path)
