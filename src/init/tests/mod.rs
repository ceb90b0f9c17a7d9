mod more;
mod shapes;
mod wild;
