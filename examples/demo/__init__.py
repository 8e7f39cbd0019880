"""Orders run through a crash; then what their steps wrote is compared with what the engine recorded."""
