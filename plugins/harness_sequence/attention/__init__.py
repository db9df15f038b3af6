"""The op `attention`: softmax attention of heads, causal or not, over all keys or a window, with grouped queries."""
