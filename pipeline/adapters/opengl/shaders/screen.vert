#version 330 core
// One triangle that covers the viewport, made of nothing but vertex numbers.
noperspective out vec2 screen_uv;  // 0..1, row 0 at the top as everywhere in this renderer

void main() {
    screen_uv = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0;
    gl_Position = vec4(screen_uv * 2.0 - 1.0, 0.0, 1.0);
}
