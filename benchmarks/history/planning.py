"""From a suite's text and overrides to trials."""

from __future__ import annotations

from history.absence import skipping_what_is_absent

SUITE = """
name = "planned"
summary = "one task, two models"
[scale.small]
summary = "planned, never run"
seeds = [0]
budget = { steps = 10 }
[scale.small.models.transformer]
[scale.small.models.mamba]
[scale.small.tasks.mqar]
"""
LENGTHS = (32, 64, 128, 256, 512)


class Plan:
    """A plan of so many trials: two models, five lengths, and seeds for the rest."""

    params = (100, 1_000, 10_000)
    param_names = ("trials",)
    timeout = 300

    def setup(self, trials: int) -> None:
        with skipping_what_is_absent():
            from harness.planning.expansion import make_plan
            from harness.planning.overrides import parse_overrides
            from harness.planning.suites import parse_suite
            from harness.registry import load_registry

            self.make_plan = make_plan
            self.registry = load_registry()
            self.scale = parse_suite(SUITE, "planned.toml").at("small")
            last = trials // (2 * len(LENGTHS)) - 1
            lengths = ",".join(map(str, LENGTHS))
            self.overrides = parse_overrides([f"mqar.length={lengths}", f"seed=0..{last}", "device=cpu"])
        found = len(self._plan().trials)
        if found != trials:
            raise NotImplementedError(f"this commit plans {found} trials, not {trials}")

    def time_make_plan(self, trials: int) -> None:
        self._plan()

    def time_make_plan_with_ids(self, trials: int) -> None:
        self._plan().run_id  # noqa: B018

    def peakmem_make_plan_with_ids(self, trials: int) -> None:
        self._plan().run_id  # noqa: B018

    def _plan(self):
        return self.make_plan("planned", "small", self.scale, self.overrides, self.registry)
