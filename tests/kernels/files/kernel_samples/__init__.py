"""Small kernels for the tests of what compiles and launches kernels."""
