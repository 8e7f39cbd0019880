"""The engine is imported without looking for garbage; what the application has set up for its own memory stays."""

import gc
import subprocess
import sys

import pytest

from inngest.runtime.uncollected import uncollected


def test_nothing_is_collected_inside_and_collection_goes_on_afterwards() -> None:
    assert gc.isenabled()
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_collection_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_an_import_that_fails_leaves_collection_on() -> None:
    with pytest.raises(ImportError), uncollected():
        raise ImportError
    assert gc.isenabled()


FROZEN = """
import gc, inngest
gc.freeze()
before = gc.get_freeze_count()
inngest.Engine
print(gc.isenabled(), gc.get_freeze_count() >= before * 0.9)
"""

YOUNG = """
import gc, inngest
inngest.Engine
print(gc.isenabled(), gc.get_freeze_count(), len(gc.get_objects(generation=1)))
"""


AGAIN = """
import gc, inngest
inngest.Engine
gc.collect()
young = [[] for _ in range(50)]
inngest.Engine
ids = {id(one) for one in gc.get_objects(generation=0)}
print(all(id(one) in ids for one in young))
"""


@pytest.mark.parametrize(
    ("program", "said"),
    [
        pytest.param(FROZEN, "True True", id="what the application froze stays frozen"),
        pytest.param(AGAIN, "True", id="what is young stays young the next time"),
        pytest.param(YOUNG, "True 0 0", id="what was imported is old at once"),
    ],
)
def test_the_engine_is_imported_so(program: str, said: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == said
