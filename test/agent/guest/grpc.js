// A gRPC server that answers with the metadata it was sent, and its client.
const identity = {
  requestSerialize: Buffer.from,
  requestDeserialize: (bytes) => bytes,
  responseSerialize: Buffer.from,
  responseDeserialize: (bytes) => bytes,
};
const method = (name, requestStream, responseStream) => ({
  path: `/test.Echo/${name}`,
  requestStream,
  responseStream,
  ...identity,
});

/** The service: unary, server stream, client stream, both. */
export const service = {
  Unary: method('Unary', false, false),
  Many: method('Many', false, true),
  Collect: method('Collect', true, false),
  Both: method('Both', true, true),
};

/** Starts a server; `handle` answers a unary call. @returns its port. */
export function startServer(grpc, handle) {
  const server = new grpc.Server();
  const told = (call) => Buffer.from(JSON.stringify(call.metadata.getMap()));
  server.addService(service, {
    Unary: (call, callback) => {
      handle(call).then((bytes) => {
        callback(null, bytes);
      }, callback);
    },
    Many: (call) => {
      call.write(told(call));
      call.end();
    },
    Collect: (call, callback) => {
      call
        .on('data', () => undefined)
        .on('end', () => {
          callback(null, told(call));
        });
    },
    Both: (call) => {
      call
        .on('data', () => undefined)
        .on('end', () => {
          call.write(told(call));
          call.end();
        });
    },
  });
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error);
      else resolve(port);
    });
  });
}

/** Makes a client of the service. */
export function clientOf(grpc, port) {
  const Client = grpc.makeGenericClientConstructor(service, 'Echo');
  return new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
}

/** Returns the calls of a client to a server of its own. */
export async function startGrpc(grpc) {
  const client = clientOf(
    grpc,
    await startServer(grpc, async (call) => Buffer.from(JSON.stringify(call.metadata.getMap()))),
  );
  const one = (start) =>
    new Promise((resolve, reject) => {
      start((error, bytes) => {
        if (error) reject(error);
        else resolve(JSON.parse(bytes));
      });
    });
  const first = (stream) =>
    new Promise((resolve, reject) => {
      stream
        .on('data', (bytes) => {
          resolve(JSON.parse(bytes));
        })
        .on('error', reject);
    });
  return {
    'grpc-js unary': () => one((done) => client.Unary(Buffer.from('x'), done)),
    'grpc-js unary, metadata': () =>
      one((done) => client.Unary(Buffer.from('x'), new grpc.Metadata(), {}, done)),
    'grpc-js server stream': () => first(client.Many(Buffer.from('x'))),
    'grpc-js client stream': () =>
      one((done) => {
        const call = client.Collect(done);
        call.write(Buffer.from('x'));
        call.end();
      }),
    'grpc-js both streams': () => {
      const call = client.Both();
      const answer = first(call);
      call.write(Buffer.from('x'));
      call.end();
      return answer;
    },
  };
}
