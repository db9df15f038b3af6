"""What is said about packages that are not there."""

import pytest

from harness.planning.extras import install_command
from harness.planning.resolution import not_installed


@pytest.mark.parametrize(
    ("modules", "command"),
    [
        (["ale_py", "gymnasium"], "pip install 'arch-harness[atari]'"),
        (["triton"], "pip install 'arch-harness[triton]'"),
        (["cuda.core"], "pip install 'arch-harness[cuda]'"),
        (["datasets"], "pip install 'arch-harness[hub]'"),
        (["efficientnet_lite_pytorch"], "pip install 'arch-harness[efficientnet]'"),
        (["numba"], "pip install numba"),
        (["ale_py", "triton"], "pip install 'arch-harness[atari]' 'arch-harness[triton]'"),
        (["a_module_of_nobody"], ""),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_the_smallest_extra_that_brings_a_package_is_named(modules, command):
    assert install_command(modules) == command


def test_what_is_missing_comes_with_the_way_out():
    assert not_installed(["os", "a_module_of_nobody"], "mine") == (
        "mine needs a_module_of_nobody, which is not installed; install it"
    )
    assert not_installed(["os"], "mine") == ""
