"""minidl: train small neural networks from a YAML file, on backpropagation you can read and prove."""
