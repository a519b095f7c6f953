/**
 * WebSockets in browsers. Scripts cannot set headers there, so a token is exchanged for a ticket
 * of one use, which goes as a subprotocol and so into no log of addresses.
 */

import type { Connect } from "./websocket.js";

export const connect: Connect = ({ url, protocol, token, ticket }, listener) => {
  let socket: WebSocket | undefined;
  let over = false;
  const close = (code: number, reason: string) => {
    if (over) return;
    over = true;
    listener.close(code, reason);
  };
  const open = (protocols: string[]) => {
    if (over) return;
    socket = new WebSocket(url, protocols);
    socket.onopen = () => {
      if (!over) listener.open();
    };
    socket.onmessage = (event: MessageEvent<string>) => {
      if (!over) listener.message(event.data);
    };
    socket.onclose = (event) => {
      close(event.code, event.reason);
    };
  };
  const refused = (error: unknown) => {
    close(1006, error instanceof Error ? error.message : String(error));
  };
  if (token) {
    ticket().then((t) => {
      open([protocol, `heartline.ticket.${t}`]);
    }, refused);
  } else {
    open([protocol]);
  }
  return {
    send: (text) => {
      socket?.send(text);
    },
    end: () => {
      over = true;
      socket?.close();
    },
  };
};
