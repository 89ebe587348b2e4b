"""Tests of the sync helper, and the signed repositories they build."""
