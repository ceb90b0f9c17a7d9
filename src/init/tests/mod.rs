mod shapes;
mod wild;
