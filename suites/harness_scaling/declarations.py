"""The metrics of the scaling tasks."""

from harness.specs import MetricSpec, Ref

BY = ("length", "context", "side", "frames", "steps", "environments", "batch", "width", "state")
TOKENS, EXAMPLES, FRAMES = "tokens_per_second", "examples_per_second", "frames_per_second"
THROUGHPUT = "throughput at the last point, 0 where the model did not get there"
# name, summary, unit, whether higher is better, what of the evidence it needs
MEASURED = (
    ("call_seconds", "median time of a call in steady state", "s", False, ()),
    ("call_seconds_p10", "time that a tenth of the calls stays under", "s", False, ()),
    ("call_seconds_p90", "time that nine tenths of the calls stay under", "s", False, ()),
    ("first_call_seconds", "time of the first call, with compilation", "s", False, ()),
    ("empty_call_seconds", "median time of a call with a model that does nothing", "s", False, ("empty_seconds",)),
    ("call_flops", "floating-point operations of a call", "FLOP", False, ()),
    ("flops_share", "operations done, of what the device was measured to do", "ratio", True, ("flops_ceiling",)),
    ("bytes_per_second", "bytes that a call has to move at least, over its time", "B/s", True, ()),
    ("times_floor", "time over the least that operations and those bytes can take", "ratio", False, ("floor_seconds",)),
    ("allocated_peak_bytes", "most that was allocated during a call", "B", False, ()),
    ("parameter_bytes", "of the peak: parameters and buffers", "B", False, ()),
    ("gradient_bytes", "of the peak: gradients", "B", False, ()),
    ("optimizer_bytes", "of the peak: state of the optimiser", "B", False, ()),
    ("activation_bytes", "of the peak: what is kept for the backward pass", "B", False, ()),
    ("workspace_bytes", "of the peak: everything else", "B", False, ()),
    ("sequence_state_bytes", "state carried from token to token, a sequence", "B", False, ("state_bytes",)),
    ("joules_per_unit", "energy a token, pixel, frame or image", "J", False, ("joules",)),
)
LONGEST, LARGEST_BATCH = "longest_that_fits", "largest_batch_that_fits"
LIMITS = (
    (LONGEST, "longest sequence whose step of training fits the memory", "tokens", True, ()),
    (LARGEST_BATCH, "most sequences whose step of training fits the memory", "sequences", True, ()),
)
NAMES = tuple(name for name, *_ in MEASURED)


def metrics() -> list[MetricSpec]:
    """What the plugin registers."""
    throughputs = ((name, THROUGHPUT, "1/s", True, ()) for name in (TOKENS, EXAMPLES, FRAMES))
    return [
        MetricSpec(
            name=name,
            summary=summary,
            compute=Ref(f"harness_scaling.metrics:{name}"),
            unit=unit,
            higher_is_better=higher,
            by=() if name in (LONGEST, LARGEST_BATCH) else BY,
            needs=needs,
        )
        for name, summary, unit, higher, needs in (*throughputs, *MEASURED, *LIMITS)
    ]
