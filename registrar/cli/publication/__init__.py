"""Commands that review, sign, publish and verify."""
