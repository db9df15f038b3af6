"""A simulator that runs `.cu` kernels on a CPU, in orders chosen to expose what a device would show only at times.

Every thread of a block is a fiber. Shared memory starts as NaN, tensors stand between guard zones. A kernel that meets
at a barrier in part, touches memory that is not its own or divides by zero ends with an error, with the line where that
is known. Left out: time, occupancy, memory order inside a warp, the exact bits of approximate functions, inline PTX. A
thread that waits for another in a loop has to call `__nanosleep`, for fibers take turns only where they wait.
"""
