import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Opens a port on the loopback interface; port 0 takes any free one. The caller attaches what shall answer. */
export async function listen(port: number, purpose: string): Promise<{ server: Server; origin: string }> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(
              `Port ${port}, wanted for the ${purpose}, is taken. Set PORT to another number (the example uses PORT and PORT + 1).`,
            )
          : error,
      );
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** Closes the server at once: connections that clients keep alive would otherwise hold the process for seconds. */
export async function close(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}
