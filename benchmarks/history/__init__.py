"""How fast the harness itself is, commit by commit: suites for asv, whose settings stand in asv.conf.json.

The same files run against every commit, so all sizes and names stand here and none is read from the code under test,
which is imported in `setup` alone. asv drops what it measured with other code of a benchmark and its set-up; a changed
size outside of them needs a new name.
"""
