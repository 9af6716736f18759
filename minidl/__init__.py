"""Train small neural networks from a YAML file, on backpropagation that you can read and prove."""
