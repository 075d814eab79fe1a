// Server-sent events that come back. A browser opens a stream again that broke off, but not one that was answered with an error, as by a proxy
// while the application restarts, or with 503 where too many are open.
const FIRST_WAIT_MS = 2000, LONGEST_WAIT_MS = 60000;

/**
 * Follow a stream: `listeners` by the name of their event; `onRefused` is called each time that the server refuses the stream, so that the
 * page asks for itself meanwhile. Returns a function that ends it.
 *
 * It is open only while the page is seen: a browser has six connections to a site, and streams of hidden tabs would leave none for the page
 * that is opened next. A stream begins with the present state, so nothing is missed.
 */
export const follow = (url, listeners, onRefused) => {
  let source = null, timer = null, wait = FIRST_WAIT_MS;
  const open = () => {
    source = new EventSource(url);
    source.addEventListener("open", () => { wait = FIRST_WAIT_MS; });
    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(open, wait);
      wait = Math.min(LONGEST_WAIT_MS, 2 * wait);
      onRefused();
    });
    for (const [name, listener] of Object.entries(listeners)) source.addEventListener(name, listener);
  };
  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const openOrClose = () => { if (document.hidden) close(); else if (!source) open(); };
  document.addEventListener("visibilitychange", openOrClose);
  openOrClose();
  return () => {
    document.removeEventListener("visibilitychange", openOrClose);
    close();
  };
};
