// Requests to the server. Errors are problems (RFC 9457), whose detail is for the user.

const answered = async (request) => {
  let answer, content;
  try {
    answer = await request;
    content = await answer.json();
  } catch {
    throw new Error("doodled does not answer. Is it still running?");
  }
  if (!answer.ok) throw new Error(content.detail?.toString() || `The server refused this (${answer.status}).`);
  return content;
};

export const getJson = (url) => answered(fetch(url, { headers: { Accept: "application/json" } }));

export const postJson = (url, sent) => answered(fetch(url, {
  method: "POST", body: JSON.stringify(sent), headers: { "Content-Type": "application/json", Accept: "application/json" },
}));
