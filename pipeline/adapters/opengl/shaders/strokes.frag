#version 330 core
in vec4 color;
out vec4 premultiplied;

void main() {
    premultiplied = color;
}
