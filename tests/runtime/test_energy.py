"""Joules are differences of a device's counter; a stand-in for the driver's library, since no device is needed."""

import importlib.machinery
import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch

from harness.kernels.conditions import read_conditions
from harness.nvml import meter_of
from harness.runtime.energy import energy_recorded, measure_joules

GPU = torch.device("cuda")
UUID = "7a1b0c5e-0000-4000-8000-000000000001"


class NVMLError(Exception):
    pass


class StandIn(ModuleType):
    """Uses 200 W while `clock` runs, and has a second device that it must not be asked for."""

    NVMLError = NVMLError
    NVML_CLOCK_SM = 1

    def __init__(self, clock):
        super().__init__("pynvml")
        self.__spec__ = importlib.machinery.ModuleSpec("pynvml", None)
        self.clock, self.lacks, self.driver = clock, set(), True

    def nvmlInit(self):
        if not self.driver:
            raise NVMLError("driver not loaded")

    def nvmlDeviceGetHandleByUUID(self, uuid):
        return {f"GPU-{UUID}": "ours", "GPU-other": "other"}[uuid]

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):
        if "energy" in self.lacks:
            raise NVMLError("not supported")
        return {"ours": 5_000 + round(200_000 * self.clock.now), "other": 0}[handle]

    def nvmlDeviceGetClockInfo(self, handle, kind):
        if "clock" in self.lacks:
            raise NVMLError("not supported")
        return {("ours", self.NVML_CLOCK_SM): 1755}[handle, kind]


@pytest.fixture
def clock(monkeypatch):
    """Time that goes on only as calls say."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr("harness.runtime.energy.time", SimpleNamespace(perf_counter=lambda: clock.now))
    return clock


@pytest.fixture
def driver(monkeypatch, clock):
    library = StandIn(clock)
    monkeypatch.setitem(sys.modules, "pynvml", library)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=UUID))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    return library


def taking(clock, seconds, calls):
    def call():
        clock.now += seconds
        calls.append(seconds)

    return call


@pytest.mark.parametrize(("seconds", "repeats"), [(0.125, 4), (2.0, 1)], ids=["short", "long"])
def test_joules_are_those_of_one_call_over_at_least_half_a_second(seconds, repeats, clock, driver):
    calls = []
    assert measure_joules(taking(clock, seconds, calls), GPU) == pytest.approx(200 * seconds)
    assert len(calls) == repeats


def test_a_device_that_does_not_count_makes_no_calls(clock, driver):
    driver.lacks.add("energy")
    calls = []
    assert measure_joules(taking(clock, 1.0, calls), GPU) is None
    assert not calls


def test_a_row_gets_what_was_used_meanwhile_even_if_it_fails(clock, driver):
    row = {}

    def fails():
        clock.now += 3.0
        raise ValueError("late")

    with pytest.raises(ValueError, match="late"), energy_recorded(row, GPU):
        fails()
    assert row == {"energy_joules": pytest.approx(600)}


def test_a_row_of_a_device_that_does_not_count_says_nothing(clock, driver):
    driver.lacks.add("energy")
    row = {}
    with energy_recorded(row, GPU):
        clock.now += 1.0
    assert row == {}


def test_a_counter_that_fails_later_says_nothing(clock, driver):
    row = {}
    with energy_recorded(row, GPU):
        driver.lacks.add("energy")
    assert row == {}


def test_the_clock_is_read_apart_from_the_energy(driver):
    driver.lacks.add("energy")
    meter = meter_of(GPU)
    assert meter.megahertz() == 1755
    driver.lacks.add("clock")
    assert meter.megahertz() is None


def test_a_timing_notes_the_clock_of_the_device_it_timed(driver):
    assert [read_conditions(device).gpu_megahertz for device in (GPU, torch.device("cpu"))] == [1755, None]


def test_no_driver_is_no_meter(driver):
    driver.driver = False
    assert meter_of(GPU) is None


def test_without_the_package_nothing_is_measured(driver, monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert meter_of(GPU) is None
    assert measure_joules(pytest.fail, GPU) is None


def test_a_cpu_has_no_meter(driver):
    row = {}
    with energy_recorded(row, torch.device("cpu")):
        pass
    assert measure_joules(pytest.fail, torch.device("cpu")) is None
    assert row == {}
