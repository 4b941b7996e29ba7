"""What a channel plugin of Guichet has to do beside its channel: the handshake, TLS, the way to the host, the lifeline,
draining. Written for Debian's python3-grpcio and python3-protobuf, and python3-cryptography for TLS: without it, let plugin.toml
say tls = false, and the host gives no certificate.

Start reading at serve(). The points are those of "In another language" in Guichet's guide for authors.
"""

import base64
import datetime
import json
import os
import signal
import stat
import sys
import threading
import traceback
from concurrent import futures

import grpc

import channel_pb2 as pb
import go_plugin_pb2

LIMIT = 16 << 20  # bytes of a message, in both directions
SIZES = [("grpc.max_receive_message_length", LIMIT), ("grpc.max_send_message_length", LIMIT)]
FOREVER = {"Watch", "StartStream"}  # calls that last as long as the plugin: they do not keep it from draining


class Status(Exception):
    """A call's answer that is not a message: raise it with a code and a sentence without secrets."""

    def __init__(self, code, sentence):
        super().__init__(sentence)
        self.code, self.sentence = code, sentence


class Log:
    """Standard error is the log: JSON lines. Secrets are masked."""

    def __init__(self):
        self.secrets = {}  # by account
        self.lock = threading.Lock()

    def scrub(self, text):
        with self.lock:
            secrets = [s for held in self.secrets.values() for s in held]
        for secret in sorted(secrets, key=len, reverse=True):
            text = text.replace(secret, "•••")
        return text

    def write(self, level, message, **fields):
        now = datetime.datetime.now(datetime.timezone.utc).isoformat()
        line = {"@level": level, "@message": message, "@timestamp": now, **{k: str(v) for k, v in fields.items()}}
        text = self.scrub(json.dumps(line, ensure_ascii=False))
        os.write(2, text.encode("utf-8", "replace")[:60_000] + b"\n")  # at once, so that lines stay whole

    def hide(self, account, secrets):
        with self.lock:
            self.secrets[account] = [s for s in secrets if s]


log = Log()


class Plugin:
    """The plugin's side of the protocol, for whatever calls it serves."""

    def __init__(self):
        self.change = threading.Condition()
        self.running = 0
        self.draining = False
        self.host_address = None
        self.host_channel = None
        self.server = None

    # -- what is served ------------------------------------------------------------------------------------------------

    def handler(self, module, service, implementation):
        """Makes gRPC's handler of a service from its descriptor and an object with methods of the same names."""
        methods = {}
        described = module.DESCRIPTOR.services_by_name[service]
        for method in described.methods:
            if not hasattr(implementation, method.name):
                continue
            kind = {"Watch": grpc.unary_stream_rpc_method_handler, "FetchMedia": grpc.unary_stream_rpc_method_handler,
                    "Pull": grpc.unary_stream_rpc_method_handler, "StartStream": grpc.stream_stream_rpc_method_handler,
                    "Connect": grpc.stream_stream_rpc_method_handler}.get(method.name, grpc.unary_unary_rpc_method_handler)
            methods[method.name] = kind(
                self.guarded(method.name, getattr(implementation, method.name), kind is not grpc.unary_unary_rpc_method_handler),
                request_deserializer=getattr(module, method.input_type.name).FromString,
                response_serializer=getattr(module, method.output_type.name).SerializeToString)
        return grpc.method_handlers_generic_handler(described.full_name, methods)

    def guarded(self, name, method, streams):
        """Counts a call, refuses it while draining, and turns what goes wrong into a status: the others are not harmed."""
        control = name in FOREVER | {"Health", "Drain", "Describe", "Shutdown"}

        def enter(context):
            with self.change:
                if self.draining and not control:
                    return False
                self.running += not control
                return True

        def leave():
            with self.change:
                self.running -= not control
                self.change.notify_all()

        def fail(context, error):
            if isinstance(error, Status):
                context.abort(error.code, log.scrub(error.sentence))
            log.write("error", "exception in " + name, stack=traceback.format_exc())
            context.abort(grpc.StatusCode.INTERNAL, "exception in " + name + ": " + type(error).__name__)

        def unary(request, context):
            if not enter(context):
                context.abort(grpc.StatusCode.ABORTED, "the plugin is draining")
            try:
                return method(request, context)
            except Exception as error:
                caught = error
            finally:
                leave()
            fail(context, caught)

        def stream(request, context):
            if not enter(context):
                context.abort(grpc.StatusCode.ABORTED, "the plugin is draining")
            try:
                yield from method(request, context)
                return
            except Exception as error:
                caught = error
            finally:
                leave()
            fail(context, caught)

        return stream if streams else unary

    def Watch(self, request, context):
        """One message, then silence for life."""
        gone = threading.Event()
        if context.add_callback(gone.set):
            yield pb.WatchResponse()
            gone.wait()

    def Health(self, request, context):
        return pb.HealthResponse(healthy=True)

    def Drain(self, request, context):
        """Finishes what is under way; what comes from now on is ABORTED."""
        with self.change:
            self.draining = True
            self.change.wait_for(lambda: self.running == 0, timeout=9)
        return pb.DrainResponse()

    def Shutdown(self, request, context):
        def end():
            self.server.stop(0.2).wait()
            os._exit(0)
        threading.Thread(target=end).start()
        return go_plugin_pb2.Empty()

    # -- the host ------------------------------------------------------------------------------------------------------

    def StartStream(self, requests, context):
        """go-plugin's broker: the host says where its services are."""
        for info in requests:
            if info.service_id == 1 and info.network == "unix":
                with self.change:
                    self.host_address = info.address
                    self.change.notify_all()
        yield from ()

    def host(self, service, method, request, response, timeout=10):
        """Calls the host: host("Host", "Receive", pb.ReceiveRequest(…), pb.ReceiveResponse)."""
        with self.change:
            if not self.change.wait_for(lambda: self.host_address, timeout=5):
                raise Status(grpc.StatusCode.UNAVAILABLE, "the host has not said where it is")
            if self.host_channel is None:  # one connection for life
                address = "unix:" + self.host_address
                if self.host_certificate:
                    credentials = grpc.ssl_channel_credentials(self.host_certificate, self.key, self.certificate)
                    self.host_channel = grpc.secure_channel(
                        address, credentials, SIZES + [("grpc.ssl_target_name_override", "localhost")])
                else:
                    self.host_channel = grpc.insecure_channel(address, SIZES)
        call = self.host_channel.unary_unary(
            "/guichet.channel.v1." + service + "/" + method,
            request_serializer=type(request).SerializeToString, response_deserializer=response.FromString)
        return call(request, timeout=timeout)

    # -- starting and ending -------------------------------------------------------------------------------------------

    def make_certificate(self):
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
        now = datetime.datetime.utcnow()
        usage = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH, x509.ExtendedKeyUsageOID.CLIENT_AUTH])
        certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=1)).not_valid_after(now + datetime.timedelta(days=3650))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=False)
            .sign(key, hashes.SHA256()))
        self.key = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM)
        return certificate.public_bytes(serialization.Encoding.DER)

    def serve(self, channel, **services):
        # 1. Cookie.
        if os.environ.get("GUICHET_PLUGIN") != "c7b3f1d06e4a4c0c9a52":
            sys.exit("This is a channel plugin of Guichet: it is started by Guichet, not by hand.")
        # 8, 9. Lifeline and signals.
        watch_lifeline()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        # 2, 3. Certificate and socket. A host that gives no certificate is spoken with in clear.
        self.host_certificate = os.environ.get("PLUGIN_CLIENT_CERT", "").encode()
        directory = os.environ.get("PLUGIN_UNIX_SOCKET_DIR", "")
        if not self.host_certificate and not private(directory):
            sys.exit("The host gives no certificate, and no private directory for the socket: nobody is served without TLS there.")
        socket = os.path.join(directory, "plugin-%d" % os.getpid())
        # 6. What is served. Some calls last for life: each takes a thread.
        self.server = grpc.server(futures.ThreadPoolExecutor(max_workers=64), options=SIZES)
        for module, name, implementation in [
            (go_plugin_pb2, "GRPCBroker", self), (go_plugin_pb2, "GRPCController", self),
            (pb, "Channel", Both(channel, self)), *((pb, name, s) for name, s in services.items()),
        ]:
            self.server.add_generic_rpc_handlers((self.handler(module, name, implementation),))
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", {
            "Check": grpc.unary_unary_rpc_method_handler(lambda request, context: b"\x08\x01"),  # SERVING
        }),))
        certificate = ""
        if self.host_certificate:
            certificate = base64.b64encode(self.make_certificate()).decode().rstrip("=")
            self.server.add_secure_port("unix:" + socket, grpc.ssl_server_credentials(
                [(self.key, self.certificate)], root_certificates=self.host_certificate, require_client_auth=True))
        else:
            self.server.add_insecure_port("unix:" + socket)
        self.server.start()
        # 4. The handshake line, and nothing else on standard output, ever.
        os.write(1, ("1|1|unix|%s|grpc|%s|false\n" % (socket, certificate)).encode())
        sys.stdout = sys.stderr
        threading.Event().wait()


class Both:
    """The methods of several objects, the first that has one."""

    def __init__(self, *objects):
        self.objects = objects

    def __getattr__(self, name):
        for o in self.objects:
            if hasattr(o, name):
                return getattr(o, name)
        raise AttributeError(name)


def private(directory):
    """Whether a directory is this user's alone."""
    try:
        info = os.lstat(directory)
    except OSError:
        return False
    return stat.S_ISDIR(info.st_mode) and stat.S_IMODE(info.st_mode) == 0o700 and info.st_uid == os.geteuid()


def watch_lifeline():
    """Ends the process at once when the host is gone."""
    descriptor = int(os.environ.get("GUICHET_LIFELINE_FD", "-1"))
    if descriptor < 3:
        return
    os.set_inheritable(descriptor, False)

    def watch():
        while os.read(descriptor, 1):
            pass
        os._exit(3)
    threading.Thread(target=watch, daemon=True).start()
