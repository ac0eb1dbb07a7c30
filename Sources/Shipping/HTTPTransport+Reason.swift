import AsyncHTTPClient
import Glibc
import NIOCore
import NIOPosix
import NIOSSL

extension HTTPTransport {
    /// Why a request failed, in words for whoever asked: those of the libraries name their own parts.
    package static func reason(_ error: any Error) -> String {
        switch error {
        case let error as IOError:
            let text = String(cString: strerror(error.errnoCode))
            return text.prefix(1).lowercased() + text.dropFirst()
        case let error as NIOConnectionError:
            if let failure = error.connectionErrors.first { return reason(failure.error) }
            return "no host of the name “\(error.host)” is known"
        case ChannelError.connectTimeout(let time): return "no answer in \(seconds(time))"
        case let error as NIOSSLError: return reason(error)
        case let error as NIOSSLExtraError: return "its certificate is not trusted: \(error)"
        case let error as BoringSSLError: return "TLS: \(error)"
        case let error as HTTPClientError: return reason(error)
        default: return "\(error)"
        }
    }

    private static func reason(_ error: NIOSSLError) -> String {
        switch error {
        case .handshakeFailed(let error):
            let text = "\(error)"
            if text.contains("CERTIFICATE_VERIFY_FAILED") {
                return "its certificate is not trusted, or has expired: is the authority's given?"
            }
            if text.contains("WRONG_VERSION_NUMBER") {
                return "it does not speak TLS: is its URL http://…?"
            }
            return "no TLS 1.3 connection: \(text)"
        case .uncleanShutdown: return "the connection was cut"
        default: return "\(error)"
        }
    }

    private static func reason(_ error: HTTPClientError) -> String {
        switch error {
        case .connectTimeout: "no answer in \(seconds(.seconds(Limits.connectSecondsMax)))"
        case .deadlineExceeded, .readTimeout, .writeTimeout: "no answer in time"
        case .remoteConnectionClosed: "the connection was closed"
        case .invalidURL, .emptyHost, .emptyScheme: "not a URL such as http://127.0.0.1:4780"
        default: error.shortDescription
        }
    }

    private static func seconds(_ time: TimeAmount) -> String {
        "\(time.nanoseconds / 1_000_000_000) s"
    }
}
