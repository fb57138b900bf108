"""Mutation testing: change one number, operator or condition of a module at a time, and see whether a test fails.

    .venv/bin/python tests/mutation.py blender_addon/motion
    .venv/bin/python tests/mutation.py backend/actionmesh/geometry/plain_files.py --most 40

Changes that no test notices are printed, then each module's score. No file is changed: a child process runs the tests
on the changed source, those that run the changed line first. It needs `os.fork`, so Linux or macOS.
"""

import argparse
import ast
import contextlib
import difflib
import gc
import importlib.abc
import importlib.util
import json
import os
import random
import resource
import signal
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cosmic_ray.ast import Visitor, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

ROOT = Path(__file__).resolve().parents[1]

TESTS: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutation"]
"""The tests of modules whose path begins so, where they are not those of its own name; the longest key counts."""

CHANGES = {
    "": "NumberReplacer AddNot ReplaceTrueWithFalse ReplaceFalseWithTrue ReplaceAndWithOr ReplaceOrWithAnd "
    "ReplaceBreakWithContinue ReplaceContinueWithBreak ZeroIterationForLoop RemoveDecorator",
    "ReplaceUnaryOperator_": "Delete_USub Delete_Not Delete_Invert",
    "ReplaceBinaryOperator_": "Add_Sub Sub_Add Mul_Div Div_Mul FloorDiv_Mul Mod_FloorDiv Pow_Mul BitOr_BitAnd "
    "BitAnd_BitOr BitXor_BitOr LShift_RShift RShift_LShift",
    "ReplaceComparisonOperator_": "Eq_NotEq NotEq_Eq Lt_LtE Lt_GtE LtE_Lt LtE_Gt Gt_GtE Gt_LtE GtE_Gt GtE_Lt Is_IsNot "
    "IsNot_Is",
}
"""Operators of Cosmic Ray: plausible slips only. A change that cannot run at all says nothing about a test."""


@dataclass(frozen=True)
class Mutant:
    """One change of a module: an operator and the place, counted from 0, where it is applied."""

    operator: str
    place: int
    line: int

    def source(self, original: str) -> str:
        return mutate_code(original, get_operator(f"core/{self.operator}")(), self.place)


class Places(Visitor):
    """Where an operator can change a module."""

    def __init__(self, operator):
        self.operator, self.found = operator, []

    def visit(self, node):
        self.found += [start for start, _ in self.operator.mutation_positions(node)]
        return node


@dataclass
class Course:
    """Which tests run each line of a module, and how long each takes; a plugin of pytest."""

    path: Path
    tests: dict[int, set[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    processor_time: float = 0.0
    now: str = ""

    def trace(self, frame, event, argument):
        if frame.f_code.co_filename != str(self.path):
            return None
        self.tests.setdefault(frame.f_lineno, set()).add(self.now)
        return self.trace

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        self.now = item.nodeid
        sys.settrace(self.trace)
        threading.settrace(self.trace)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration


@dataclass(frozen=True)
class Sooner:
    """Run the tests that run a line before all others, and fast ones before slow ones; a plugin of pytest."""

    course: Course
    line: int

    def pytest_collection_modifyitems(self, items):
        running = self.course.tests.get(self.line, set())
        items.sort(key=lambda item: (item.nodeid not in running, self.course.seconds.get(item.nodeid, 0.0)))


class Changed(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Import one module from a changed source."""

    def __init__(self, path: Path, source: str):
        parts = path.relative_to(ROOT).with_suffix("").parts
        self.path, self.source = path, source.encode()
        self.name = ".".join(parts[parts[0] == "backend" :]).removesuffix(".__init__")

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def get_filename(self, fullname):
        return str(self.path)

    def get_data(self, path):
        if str(path) != str(self.path):
            raise OSError(path)
        return self.source


def tests_of(path: Path) -> list[str]:
    """Return the test files of a module; none if it has none."""
    place = path.relative_to(ROOT).as_posix()
    tier = "backend" if place.startswith("backend") else "addon"
    key = max((key for key in TESTS if place.startswith(key)), key=len, default="")
    names = TESTS.get(key, [f"{tier}/test_{path.stem}.py"])
    return [f"tests/{name}" for name in names if (ROOT / "tests" / name.split("::")[0]).is_file()]


def mutants_of(source: str) -> Iterator[Mutant]:
    """Yield all changes of a module, except those of type annotations and of decorators' arguments."""
    spans = list(_declarations(ast.parse(source)))
    for name in (kind + change for kind, changes in CHANGES.items() for change in changes.split()):
        places = Places(get_operator(f"core/{name}")())
        places.walk(get_ast(source))
        for place, start in enumerate(places.found):
            if not any(low <= start < high for low, high in spans):
                yield Mutant(name, place, start[0])


def _declarations(tree: ast.AST) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    for node in ast.walk(tree):
        declared = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        for each in (*declared, *getattr(node, "decorator_list", ())):
            if each is not None:
                yield (each.lineno, each.col_offset), (each.end_lineno, each.end_col_offset)


def in_child(action: Callable[[], int], limit: float) -> int:
    """Run `action` silently in a child process and return its exit code, or the negative number of its signal.

    Args:
        limit: seconds of processor time after which the system ends it; one that only waits is ended much later.
    """
    child = os.fork()
    if not child:
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (round(limit) + 1, round(limit) + 2))
            for descriptor in range(3):
                os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
            os._exit(action())
        finally:
            os._exit(99)
    try:
        end = time.monotonic() + 60 + 20 * limit
        while time.monotonic() < end:
            if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                break
            time.sleep(0.005)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        ended = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(ended)


def run_tests(files: list[str], plugin: object, *options: str) -> int:
    unused = ("cacheprovider", "xdist", "anyio", "unraisableexception", "threadexception")
    quiet = ("-q", "--hypothesis-seed=0", *(f"-pno:{name}" for name in unused))
    return int(pytest.main([*files, *quiet, *options], plugins=[plugin]))


def course_of(path: Path, files: list[str]) -> Course:
    """Run the tests on the module as it is, and import the libraries that they import, once for all children.

    Raises:
        SystemExit: a test fails.
    """
    course = Course(path)
    with tempfile.NamedTemporaryFile() as kept:

        def action() -> int:
            code = run_tests(files, course)
            tests = {line: sorted(tests) for line, tests in course.tests.items()}
            libraries = [name for name, module in sys.modules.items() if "-packages" in str(module)]
            Path(kept.name).write_text(json.dumps([list(tests.items()), course.seconds, libraries]))
            return code

        before = _processor_time()
        if code := in_child(action, 900):
            raise SystemExit(f"{' '.join(files)}: pytest ends with {code} without any change.")
        course.processor_time = _processor_time() - before
        tests, course.seconds, libraries = json.loads(Path(kept.name).read_text())
    course.tests = {line: set(names) for line, names in tests}
    for name in libraries:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    gc.freeze()
    return course


def _processor_time() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def survives(path: Path, source: str, mutant: Mutant, files: list[str], course: Course) -> bool:
    """Return whether all tests pass on the changed module. Tests that do not end have noticed the change."""

    def action() -> int:
        sys.meta_path.insert(0, Changed(path, mutant.source(source)))
        return run_tests(files, Sooner(course, mutant.line), "-x")

    return in_child(action, 5 + 3 * course.processor_time) == 0


def report(path: Path, source: str, mutant: Mutant) -> None:
    lines = difflib.unified_diff(source.splitlines(), mutant.source(source).splitlines(), n=0, lineterm="")
    changed = [line for line in lines if line[0] in "+-" and not line.startswith(("+++", "---"))]
    print(f"{path.relative_to(ROOT)}:{mutant.line} {mutant.operator} {mutant.place}", *changed, sep="\n  ", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("places", nargs="+", type=Path, help="modules, or folders of modules")
    parser.add_argument("--most", type=int, help="try at most this many changes of a module, drawn at random")
    parser.add_argument("--survivors", type=Path, help="a file to keep the survivors in; if it exists, try those only")
    options = parser.parse_args()
    places = [place.resolve() for place in options.places]
    modules = [module for place in places for module in (sorted(place.rglob("*.py")) if place.is_dir() else [place])]
    known = json.loads(options.survivors.read_text()) if options.survivors and options.survivors.exists() else None
    survivors, tried, survived = dict(known or {}), 0, 0
    os.chdir(ROOT)
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.dont_write_bytecode = False
    for path in modules:
        name, source = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        mutants, files = list(mutants_of(source)), tests_of(path)
        drawn = random.Random(name).sample(mutants, min(len(mutants), options.most or len(mutants)))
        if known is not None:
            drawn = [mutant for mutant in mutants if [mutant.operator, mutant.place] in known.get(name, [])]
        if not drawn or not files:
            print(f"{name}: {len(mutants)} changes, none tried{'' if files else ', since it has no tests'}", flush=True)
            continue
        started, course = time.monotonic(), course_of(path, files)
        drawn.sort(key=lambda mutant: mutant.line)
        left = [mutant for mutant in drawn if survives(path, source, mutant, files, course)]
        for mutant in left:
            report(path, source, mutant)
        tried, survived = tried + len(drawn), survived + len(left)
        seconds = time.monotonic() - started
        print(f"{name}: {len(drawn)} of {len(mutants)} tried, {len(left)} survived ({seconds:.0f} s)", flush=True)
        survivors[name] = [[mutant.operator, mutant.place] for mutant in left]
        if options.survivors:
            options.survivors.write_text(json.dumps(survivors))
    print(f"{tried} tried, {survived} survived")


if __name__ == "__main__":
    main()
