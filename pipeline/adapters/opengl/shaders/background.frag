#version 330 core
// The background picture, stretched over the frame.
uniform sampler2D picture;  // premultiplied
noperspective in vec2 screen_uv;
out vec4 premultiplied;

void main() {
    premultiplied = texture(picture, screen_uv);
}
