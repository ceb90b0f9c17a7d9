// The event stream. EventSource reconnects by itself when a connection ends; streams that it gives up on
// or that are silent are reopened here.

// The server sends something every second.
const SILENCE = 6000;
const AGAIN = 3000;

/** Calls the handler with an event's name with its data, and `lost` when the stream is lost. Returns a
 * function that reopens the stream for another period. */
export function follow(period, handlers, lost) {
  let source = null;
  let timer = null;

  const after = (time) => {
    clearTimeout(timer);
    timer = setTimeout(again, time);
  };

  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };

  const again = () => {
    lost();
    open();
  };

  function open() {
    close();
    if (document.hidden) return;
    const opened = new EventSource(`/events?period=${period()}`);
    source = opened;
    for (const [name, arrived] of Object.entries(handlers)) {
      opened.addEventListener(name, (event) => {
        if (opened !== source) return;
        after(SILENCE);
        arrived(JSON.parse(event.data));
      });
    }
    opened.addEventListener("error", () => {
      if (opened !== source) return;
      lost();
      after(opened.readyState === EventSource.CLOSED ? AGAIN : SILENCE);
    });
    after(SILENCE);
  }

  // A hidden page needs no events.
  document.addEventListener("visibilitychange", open);
  open();
  return open;
}
