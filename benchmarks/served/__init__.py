"""Apps that are served over HTTP, and the least that can drive them: processes that part S of the benchmarks starts."""
