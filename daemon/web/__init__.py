"""Pages that doodled serves on the loopback interface."""
