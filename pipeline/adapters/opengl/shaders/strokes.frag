#version 330 core
in vec4 colour;
out vec4 premultiplied;

void main() {
    premultiplied = colour;
}
