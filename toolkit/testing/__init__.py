"""What plugin authors test with: conformance suites, and sample clips whose content is known."""
