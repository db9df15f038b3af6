"""Contract tests for plugin authors."""

from harness.testing.contract import CHECKS, ContractViolation, TokenModel, token_model

__all__ = ["CHECKS", "ContractViolation", "TokenModel", "token_model"]
