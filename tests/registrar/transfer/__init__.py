"""Tests of copying whole images."""
