"""Every operation of the four systems, by every face, with the deployment there, away and lost.

`SYNCD_TEST_URL`, `SYNCD_TEST_TOKEN` and `SYNCD_TEST_WORKSPACE` name a real deployment, whose
workspace should be empty; without them an embedded backend is started. A real one needs an http
URL, since what is lost on the way is lost by a proxy.
"""
