"""How many faults the tests catch: `python tests/benchmarks/mutants.py [MODULE.py [TESTS...]]`.

Seeds one fault after the other into a module (another comparison, operator or constant, a condition the other way round, a statement left
out, two arguments swapped), runs the tests that concern it, and prints the faults that no test noticed. No file is changed: an import hook
hands the faulty module to a forked process that runs the tests. A test that hangs has noticed, too.

Not mutmut: it leaves out whatever has a decorator, and half of the spool is context managers and class methods.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import importlib
import importlib.util
import os
import random
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

import pytest

ROOT = Path(__file__).parents[2]
UNIT = "tests/unit"
SUBJECTS = {
    "daemon/inbox/stability.py": [f"{UNIT}/daemon/inbox/test_stability.py"],
    "daemon/spool/spool.py": [f"{UNIT}/daemon/spool/test_spool.py"],
    "pipeline/stages/retarget.py": [f"{UNIT}/stages/test_retarget.py"],
    "daemon/spool/recovery.py": [f"{UNIT}/daemon/spool/test_recovery.py"],
    "daemon/spool/publish.py": [f"{UNIT}/daemon/spool/test_publish.py"],
    "daemon/options/sidecar.py": [f"{UNIT}/daemon/options/test_sidecar.py"],
}
HEAVY = ("numpy", "scipy.sparse.linalg", "cv2", "PIL.Image", "OpenGL.GL", "pydantic", "structlog", "av")
"""Loaded once, before the processes fork."""

OTHER_OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """A module with one fault."""

    line: int
    what: str
    code: CodeType


def faults(source: str, path: str) -> Iterator[Fault]:
    """Every fault that can be seeded into a module."""
    tree = ast.parse(source)
    spared = set(_messages_and_types(tree))
    for parent, name, index, node in list(_places(tree)):
        if node in spared:
            continue
        for variant in _variants(node):
            _put(parent, name, index, ast.fix_missing_locations(ast.copy_location(variant, node)))
            what = f"{ast.unparse(node)[:70]}  ->  {ast.unparse(variant)[:70]}".replace("\n", ";")
            yield Fault(getattr(node, "lineno", 0), what, compile(tree, path, "exec"))
            _put(parent, name, index, node)


def _places(tree: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Each node with its parent, the parent's field that holds it, and its index where that field is a list."""
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if isinstance(value, ast.AST):
                yield parent, name, None, value
            elif isinstance(value, list):
                yield from ((parent, name, index, each) for index, each in enumerate(value) if isinstance(each, ast.AST))


def _put(parent: ast.AST, name: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, name, node)
    else:
        getattr(parent, name)[index] = node


def _variants(node: ast.AST) -> Iterator[ast.AST]:  # noqa: C901 - one case a kind of fault
    changed = copy.deepcopy(node)
    match changed:
        case ast.Compare(ops=ops):
            for index, operator in enumerate(ops):
                again = copy.deepcopy(changed)
                again.ops[index] = OTHER_OPERATORS[type(operator)]()  # type: ignore[call-overload]
                yield again
        case ast.BinOp(op=operator) | ast.BoolOp(op=operator) if type(operator) in OTHER_OPERATORS:
            changed.op = OTHER_OPERATORS[type(operator)]()  # type: ignore[assignment]
            yield changed
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str(value)):
            yield ast.Constant(f"{value}XX")
        case ast.If() | ast.While() | ast.IfExp():
            changed.test = ast.UnaryOp(ast.Not(), changed.test)
            yield changed
        case ast.Expr(value=ast.Call()) | ast.Raise() | ast.Continue() | ast.Break() | ast.AugAssign():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript() | ast.Tuple()]):
            yield ast.Pass()
        case ast.Return(value=value) if value is not None and ast.unparse(value) != "None":
            yield ast.Return(ast.Constant(None))
    is_even = isinstance(changed, ast.Call) and ast.unparse(changed.func) in {"min", "max", "np.maximum", "np.minimum"}
    if isinstance(changed, ast.Call) and not is_even and len(changed.args) > 1 and not isinstance(changed.args[1], ast.Starred):
        changed.args[:2] = reversed(changed.args[:2])
        yield changed


def _messages_and_types(tree: ast.Module) -> Iterator[ast.AST]:
    """Nodes whose change has no effect: docstrings, names of modules, messages of errors, types."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Import() | ast.ImportFrom() | ast.JoinedStr():
                yield from ast.walk(node)
            case ast.Raise():
                yield from (inner for inner in ast.walk(node) if isinstance(inner, ast.Constant))
            case ast.AnnAssign(annotation=annotation) | ast.arg(annotation=ast.expr() as annotation):
                yield from ast.walk(annotation)
            case ast.FunctionDef() | ast.ClassDef():
                types = [node.returns] if isinstance(node, ast.FunctionDef) and node.returns is not None else []
                yield from (inner for each in (*types, *node.decorator_list) for inner in ast.walk(each))


class _Faulty:
    """Import hook that returns the faulty module in place of the original."""

    def __init__(self, path: Path, code: CodeType) -> None:
        self._name, self._path, self._code = _module_name(path), path, code

    def find_spec(self, name: str, *_: object) -> object:
        if name != self._name:
            return None
        return importlib.util.spec_from_file_location(name, ROOT / self._path, loader=self)  # type: ignore[arg-type]

    def create_module(self, spec: object) -> None:
        """Let Python create the module as usual."""

    def exec_module(self, module: object) -> None:
        exec(self._code, module.__dict__)


class Trials:
    """A pytest plugin: before tests are collected, the process forks once for each fault, and the child runs the tests."""

    def __init__(self, path: Path, chosen: Sequence[Fault], jobs: int) -> None:
        self._path, self._chosen, self._jobs = path, chosen, jobs
        self._under_way: dict[int, tuple[Fault, float]] = {}
        self._timeout_s = 600.0
        self.survived: list[Fault] = []
        self.is_child = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        started_s = time.monotonic()
        whole = compile((ROOT / self._path).read_text(encoding="utf-8"), str(self._path), "exec")
        if self._begin(Fault(0, "nothing", whole)):
            return
        self._wait(0)
        if not self.survived:
            pytest.exit(f"{self._path}: its tests fail without any fault", returncode=2)
        self.survived.clear()
        self._timeout_s = 60.0 + 10 * (time.monotonic() - started_s)
        for fault in self._chosen:
            self._wait(self._jobs - 1)
            if self._begin(fault):
                return
        self._wait(0)
        pytest.exit("all faults were tried", returncode=0)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if self.is_child:  # the rest of pytest's shutdown concerns folders that all processes share
            os._exit(int(exitstatus))

    def _begin(self, fault: Fault) -> bool:
        """Fork; True in the child."""
        child = os.fork()
        if child:
            self._under_way[child] = (fault, time.monotonic() + self._timeout_s)
            return False
        self.is_child = True
        os.setsid()
        sys.meta_path.insert(0, _Faulty(self._path, fault.code))  # type: ignore[arg-type]
        if _module_name(self._path) in sys.modules:
            for name in [name for name in sys.modules if name.split(".")[0] in {"daemon", "pipeline"}]:
                del sys.modules[name]
        return True

    def _wait(self, most: int) -> None:
        """Wait until at most this many children run."""
        while len(self._under_way) > most:
            for child, (fault, end_s) in list(self._under_way.items()):
                done, status = os.waitpid(child, os.WNOHANG)
                if not done and time.monotonic() > end_s:
                    os.killpg(child, signal.SIGKILL)
                    done, status = os.waitpid(child, 0)
                if done:
                    del self._under_way[child]
                    self.survived += [fault] * (status == 0)
            time.sleep(0.01)


def _module_name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts)


def tried(path: Path, tests: Sequence[str], *, most: int, jobs: int) -> tuple[int, list[Fault]]:
    """How many faults were seeded, and which survived."""
    chosen = list(faults((ROOT / path).read_text(encoding="utf-8"), str(path)))
    if len(chosen) > most:
        chosen = sorted(random.Random(0).sample(chosen, most), key=lambda fault: fault.line)
    trials = Trials(path, chosen, jobs)
    plugins = [f"-pno:{name}" for name in ("terminal", "randomly", "cacheprovider")]
    options = ["-o", "addopts=--import-mode=importlib", "-x", "--hypothesis-seed=0", *plugins]
    status = pytest.main([*options, *tests], plugins=[trials])
    if trials.is_child:
        os._exit(int(status))
    if status:
        sys.exit(f"{path}: its tests fail without any fault")
    return len(chosen), trials.survived


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("module", nargs="?", help=f"one of {', '.join(SUBJECTS)}, or any other with its tests; all of those if left out")
    parser.add_argument("tests", nargs="*")
    parser.add_argument("--most", type=int, default=10**6, help="how many faults are seeded, chosen by lot")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    for name in HEAVY:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    rows = []
    for module in [asked.module] if asked.module else SUBJECTS:
        count, survived = tried(Path(module), asked.tests or SUBJECTS[module], most=asked.most, jobs=asked.jobs)
        for fault in survived:
            print(f"{module}:{fault.line}: {fault.what}", flush=True)
        rows.append(f"{module:32}{count:8}{count - len(survived):8}{100 * (1 - len(survived) / count):7.1f} %")
    print(f"\n{'module':32}{'seeded':>8}{'caught':>8}")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
