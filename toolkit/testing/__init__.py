"""What plugin authors test with: conformance suites of every contract, and sample clips whose content is known."""
