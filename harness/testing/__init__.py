"""Contract tests for plugin authors: named checks that say what was seen and what was expected.

from harness.testing import CHECKS, token_model

@pytest.mark.parametrize("check", CHECKS)
def test_contract(check):
    CHECKS[check](token_model("mine", files=[Path("my_model.py")]))

For classifiers of images there are `IMAGE_CHECKS` and `image_model`, for generative models `GENERATIVE_CHECKS` and
`generative_model`.
"""

from harness.testing.generative_checks import CHECKS as GENERATIVE_CHECKS
from harness.testing.generative_checks import GenerativeModel, generative_model
from harness.testing.image_checks import CHECKS as IMAGE_CHECKS
from harness.testing.subjects import ContractViolation, ImageModel, TokenModel, image_model, token_model
from harness.testing.token_checks import CHECKS

__all__ = [
    "CHECKS",
    "GENERATIVE_CHECKS",
    "IMAGE_CHECKS",
    "ContractViolation",
    "GenerativeModel",
    "ImageModel",
    "TokenModel",
    "generative_model",
    "image_model",
    "token_model",
]
