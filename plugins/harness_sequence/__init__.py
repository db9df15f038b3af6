"""What several token models share: the stack around their blocks, layers, attention and long convolution."""
