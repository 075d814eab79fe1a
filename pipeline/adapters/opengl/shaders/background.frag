#version 330 core
// The background image, stretched over the frame.
uniform sampler2D background;  // premultiplied
noperspective in vec2 screen_uv;
out vec4 premultiplied;

void main() {
    premultiplied = texture(background, screen_uv);
}
