export default async function teardown() {
  const server = globalThis.__sharedRedis;
  if (!server) return;
  delete process.env.TEST_REDIS_URL;
  await server.stop();
}
