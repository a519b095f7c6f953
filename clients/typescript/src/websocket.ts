/** What a WebSocket is to this package; `#websocket` is the one of Node or of the browser. */

/** Where a socket is to go. */
export interface Address {
  /** `ws:` or `wss:`. */
  url: string;
  /** The subprotocol to speak. */
  protocol: string;
  token: string | undefined;
  /** Asks the server for a ticket of one use, which goes where a token cannot. */
  ticket: () => Promise<string>;
}

/** What happens to a socket. After `close` nothing comes. */
export interface Listener {
  open: () => void;
  message: (text: string) => void;
  /** `status` is the HTTP status of a refused upgrade, where that can be known. */
  close: (code: number, reason: string, status?: number) => void;
}

/** An open socket, or one that is being opened. */
export interface Socket {
  send: (text: string) => void;
  /** Ends it at once, without waiting for the other side. */
  end: () => void;
}

/** Opens a socket. */
export type Connect = (address: Address, listener: Listener) => Socket;
